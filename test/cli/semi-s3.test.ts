import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import { readBytes, writeBytes } from "../../src/core/storage/index.ts";
import { nodeStorageFor } from "../../src/node/files/file-storage.ts";
import { s3Storage } from "../../src/node/objects/s3-storage.ts";
import { openSpool } from "../../src/node/objects/spool.ts";
import { readSelection } from "../../src/semi/index.ts";
import { collect } from "../data/collect.ts";
import { writePipelineData, writeShard } from "../semi/pipeline-data.ts";
import { chaosProxy } from "../support/chaos-proxy.ts";
import {
  createBucket,
  objectStoreMissing,
  startObjectStore,
  storeEnvironment,
  type ObjectStore,
} from "../../bench/fixtures/object-store.ts";
import { ended, killSeed, runCli, startCli } from "../support/run-cli.ts";
import { tarBytes } from "../data/tar-fixture.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tensorsOf } from "../support/tensors-of.ts";

const missing = objectStoreMissing();
const folder = temporaryFolder();
const at = (...names: readonly string[]): string => join(folder, ...names);

const kills = Number(process.env["SSL_RESNEXT_KILLS"] ?? 3);

const line = (command: string, root: string, out: string): readonly string[] =>
  [
    `semi ${command} -o ${out} --labelled ${root}/labelled.tar --unlabelled ${root}/unlabelled/{0..3}.tar`,
    `--teacher ${root}/small.safetensors --teach false --labels ${at("names.txt")} -k 4 --workers 1 --threads 1`,
    `--method paper --validation-share 0 --baseline false`,
    `--pretrain-recipe {"base":"quick","epochs":2,"batchSize":8} --finetune-recipe {"base":"quick","epochs":2,"batchSize":8}`,
  ].flatMap((words) => words.split(" "));

describe("a folder that appears as a whole", () => {
  it.each([
    ["suggest", "suggest --labelled photos --unlabelled others -m small.safetensors -o s3://bucket/out"],
    ["export", "export -m ssl_resnext50_32x4d --format huggingface -o s3://bucket/out"],
    ["check", "check photos --apply fixes.csv --to s3://bucket/out"],
  ])("is refused in an object store by %s, before anything else", async (_, words) => {
    const { code, stderr } = await runCli(words.split(" "));
    expect(code).not.toBe(0);
    expect(stderr).toContain("s3://bucket/out: this folder appears as a whole");
  });
});

describe.skipIf(missing !== undefined)(`a run in an object store (${missing ?? "Ceph"})`, () => {
  let store: ObjectStore;
  const spool = openSpool({ folder: temporaryFolder(), limit: 1e9 });
  beforeAll(async () => {
    await writePipelineData(folder);
    for (let i = 0; i < 4; i++) await writeShard(at("unlabelled", `${i}.tar`), 6, i + 20);
    await writeBytes(nodeStorageFor(folder), at("names.txt"), [
      new TextEncoder().encode("red\ngreen\nblue\nyellow\npink\n"),
    ]);
    const labelled = readdirSync(at("labelled"), { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".png"),
    );
    const members = labelled.sort().map(async (name) => ({
      name,
      body: Buffer.from(await readBytes(nodeStorageFor(folder), at("labelled", name))),
    }));
    await writeBytes(nodeStorageFor(folder), at("labelled.tar"), [
      await tarBytes(await Promise.all(members)),
    ]);
    store = await startObjectStore();
    await createBucket(store, "bucket");
    const storage = s3Storage({ env: store.env, spool });
    for (const name of [
      "labelled.tar",
      "small.safetensors",
      ...[0, 1, 2, 3].map((i) => `unlabelled/${i}.tar`),
    ])
      await writeBytes(storage, `s3://bucket/${name}`, nodeStorageFor(folder).stream(at(name)));
  }, 120_000);
  afterAll(() => store.stop());

  it("has the models that are exported", async () => {
    const out = "s3://bucket/exported.onnx";
    const words = ["export", "-w", "s3://bucket/small.safetensors", "-o", out, "--json"];
    const { code, stdout, stderr } = await runCli(words, undefined, store.env);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const { size } = (await s3Storage({ env: store.env, spool }).stat(out))!;
    expect(JSON.parse(stdout)).toMatchObject({ output: out, bytes: size });
  });

  it(
    `is what it is on disk, through cuts and ${kills} kills (seed ${killSeed})`,
    { timeout: 1_200_000 },
    async () => {
      expect(await runCli(line("run", folder, at("run")))).toMatchObject({ code: 0 });
      await using proxy = await chaosProxy(store.port, 0.1, 1e6);
      const env = storeEnvironment(proxy.url);
      const random = seededRandom(killSeed);
      let killed = 0;
      for (let chain = 0; killed < kills; chain++) {
        const out = `s3://bucket/run-${chain}`;
        let code: number | null = null;
        while (code === null && killed < kills) {
          const child = startCli(line("run", "s3://bucket", out), env);
          const timer = setTimeout(() => child.kill("SIGKILL"), 1500 + random.integer(6000));
          ({ code } = await ended(child));
          clearTimeout(timer);
          if (code === null) killed++;
          else expect(code).toBe(0);
        }
        expect(await runCli(line("run", "s3://bucket", out), undefined, env)).toMatchObject({ code: 0 });
        await expectSame(out);
      }
    },
  );

  /** That a run there selected what the run on disk did, and came to its weights. */
  async function expectSame(out: string): Promise<void> {
    const storage = s3Storage({ env: store.env, spool });
    const here = await collect(readSelection(nodeStorageFor(folder), at("run/selection/selection.parquet")));
    const there = await collect(readSelection(storage, `${out}/selection/selection.parquet`));
    expect(here.length).toBeGreaterThan(8);
    expect(there.map((row) => ({ ...row, image_id: row.image_id.replace("s3://bucket", folder) }))).toEqual(
      here,
    );
    for (const stage of ["pretrain", "finetune"]) {
      const copy = at("fetched.safetensors");
      await writeBytes(nodeStorageFor(copy), copy, storage.stream(`${out}/${stage}/best.safetensors`));
      expect(await tensorsOf(copy)).toEqual(await tensorsOf(at("run", stage, "best.safetensors")));
    }
  }
});
