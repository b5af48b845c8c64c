import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { embeddedModel } from "ssl-resnext/nn";
import { nodePlatform } from "ssl-resnext/node";
import { writeBytes } from "ssl-resnext/storage";
import type { Benchmark } from "../benchmark.ts";
import { createBucket, objectStoreMissing, startObjectStore } from "../fixtures/object-store.ts";
import { alternate } from "../measure/alternate.ts";
import { runCommand } from "../measure/command.ts";
import { commandLine, repository } from "../paths.ts";

const bucket = "s3://bench";
/** Bytes on disk that a run from the object store may have at a time: two of its shards. */
const spoolBytes = 40e6;
const wanted = 0.97;

/** Scoring from an S3 server of this machine, beside scoring from its disk. */
export const objects: Benchmark = {
  name: "objects",
  summary: "scoring shards from S3 (Ceph on this machine) beside scoring them from disk (6 minutes)",
  async run({ quick, photos }) {
    const missing = objectStoreMissing();
    if (missing !== undefined) throw new Error(`${missing}: install Debian's ceph-mon ceph-osd radosgw.`);
    const data = resolve(repository, photos, "../cifar10");
    const shards = (quick ? ["00"] : ["00", "01", "02"]).map((shard) =>
      join(data, `unlabelled-46000-${shard}.tar`),
    );
    const labelled = join(data, "labelled-4000.tar");
    const folder = mkdtempSync(join(tmpdir(), "ssl-resnext-bench-"));
    const store = await startObjectStore();
    try {
      Object.assign(process.env, store.env, { SSL_RESNEXT_SPOOL: `${spoolBytes}` });
      await createBucket(store, basename(bucket));
      for (const path of [labelled, ...shards]) await upload(path, `${bucket}/${basename(path)}`);
      const runs: Record<Place, RunOfPlace[]> = { disk: [], S3: [] };
      const contestants = (["disk", "S3"] as const).map((place) => ({
        name: place,
        async run() {
          const from = (path: string): string => (place === "disk" ? path : `${bucket}/${basename(path)}`);
          const run = await scored(folder, from(labelled), shards.map(from));
          runs[place].push(run);
          return run.seconds;
        },
      }));
      const results = await alternate(contestants, { rounds: quick ? 1 : 3, warmup: quick ? 0 : 1 });
      const [disk, s3] = results as [(typeof results)[0], (typeof results)[0]];
      const ratio = disk.seconds / s3.seconds;
      const most = (place: Place, of: keyof RunOfPlace): number =>
        Math.max(...runs[place].map((run) => run[of]));
      return {
        title: "Scoring from S3 and from disk",
        columns: [
          "",
          "images/s",
          "seconds",
          "fastest",
          "slowest",
          "peak memory, MB",
          "most in the spool, MB",
        ],
        rows: results.map(({ name, seconds, fastest, slowest }) => [
          name,
          ((11_500 * shards.length) / seconds).toFixed(0),
          ...[seconds, fastest, slowest].map((value) => value.toFixed(1)),
          (most(name as Place, "peakMemory") / 1e6).toFixed(0),
          (most(name as Place, "spooled") / 1e6).toFixed(1),
        ]),
        targets: [
          {
            what: "images/s from S3 over images/s from disk",
            wanted: `at least ${wanted}`,
            measured: ratio.toFixed(2),
            met: ratio >= wanted,
          },
        ],
        notes: [
          `\`semi score\` of ${shards.length} shards with 11,500 images each, ${embeddedModel} as the teacher, from start to end; the store runs on the same cores, over memory.`,
          `SSL_RESNEXT_SPOOL is ${spoolBytes / 1e6} MB, a shard 17.8 MB.`,
        ],
        data: { results, runs },
      };
    } finally {
      store.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

type Place = "disk" | "S3";

interface RunOfPlace {
  readonly seconds: number;
  readonly peakMemory: number;
  /** Bytes that its spool held at most. */
  readonly spooled: number;
}

const upload = (path: string, uri: string): Promise<void> =>
  writeBytes(nodePlatform.storageFor(uri), uri, nodePlatform.storageFor(path).stream(path));

/** Scores all shards into a new folder, with a spool of its own. */
async function scored(folder: string, labelled: string, shards: readonly string[]): Promise<RunOfPlace> {
  const own = mkdtempSync(join(folder, "run-"));
  const spoolFolder = join(own, "tmp");
  mkdirSync(spoolFolder);
  process.env["TMPDIR"] = spoolFolder;
  let spooled = 0;
  const timer = setInterval(() => (spooled = Math.max(spooled, bytesBelow(spoolFolder))), 200);
  try {
    const words = ["--labelled", labelled, "--unlabelled", ...shards, "--teacher", embeddedModel];
    const line = [commandLine, "semi", "score", "-o", join(own, "out"), ...words, "--teach", "false"];
    const { seconds, peakMemory } = await runCommand(process.execPath, line, { memoryInterval: 100 });
    return { seconds, peakMemory, spooled };
  } finally {
    clearInterval(timer);
    delete process.env["TMPDIR"];
    rmSync(own, { recursive: true, force: true });
  }
}

function bytesBelow(folder: string): number {
  let bytes = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    // A shard that was read is taken away.
    const file = statSync(join(folder, name), { throwIfNoEntry: false });
    if (file?.isFile()) bytes += file.size;
  }
  return bytes;
}
