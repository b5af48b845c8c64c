import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createBucket,
  objectStoreMissing,
  startObjectStore,
  type ObjectStore,
} from "../../bench/fixtures/object-store.ts";
import type { WorkerJson } from "../../src/cli/worker/json.ts";
import { readText, writeBytes, type Storage } from "../../src/core/storage/index.ts";
import { nodeStorageFor } from "../../src/node/files/file-storage.ts";
import { readTable } from "../../src/semi/parquet-table.ts";
import { readScoreFacts } from "../../src/semi/score/score-files.ts";
import { scoreColumns } from "../../src/semi/tables.ts";
import { collect } from "../data/collect.ts";
import { startWorker, writeScoredRun, type ScoredRun } from "../support/queued-run.ts";
import { redisMissing, startRedis, type RedisServer } from "../support/redis.ts";
import { ended, jsonLines, onLines, runCli, startCli, type CliRun } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const missing = redisMissing() ?? objectStoreMissing();
const folder = temporaryFolder();
/** The same files in the store. */
const inStore = "s3://bucket/data";
const stored = (words: readonly string[]): readonly string[] =>
  words.map((word) => word.replaceAll(folder, inStore));
const own = ["--workers", "1", "--threads", "1"];

describe.skipIf(missing !== undefined)(
  `a queue of what lies in object storage${missing ? `: ${missing}` : ""}`,
  { timeout: 120_000 },
  () => {
    let redis: RedisServer;
    let store: ObjectStore;
    let run: ScoredRun;
    beforeAll(async () => {
      run = await writeScoredRun(folder, 4, 60);
      [store, redis] = await Promise.all([startObjectStore(), startRedisIn(join(folder, "redis"))]);
      // Of this process and of those that it starts.
      Object.assign(process.env, store.env);
      const storage = nodeStorageFor(inStore);
      await createBucket(store, "bucket");
      for (const name of ["labelled", "test", "unlabelled", "small.safetensors", "names.txt"])
        await upload(storage, join(folder, name), `${inStore}/${name}`);
    }, 120_000);
    afterAll(async () => {
      store?.stop();
      await redis?.[Symbol.asyncDispose]();
    });

    const queue = (name: string): readonly string[] => ["--queue", redis.address, "--name", name];
    /** Does a command by two workers, of which one is killed in the middle of its first shard. */
    const disturbed = async (line: readonly string[]): Promise<CliRun> => {
      const dying = startWorker(redis.address);
      onLines(dying, ({ type }: WorkerJson) => {
        if (type === "shard-started") dying.kill("SIGKILL");
      });
      const death = ended(dying);
      const filling = runCli(line);
      await death;
      const worker = startWorker(redis.address);
      const end = ended(worker);
      const filled = await filling;
      worker.kill("SIGTERM");
      expect(await end).toMatchObject({ code: 143, stderr: expect.not.stringContaining("failed") as string });
      return filled;
    };
    /** The files of a folder whose names a pattern fits, as they would be on the disk. */
    const filesIn = async (place: string, pattern: RegExp): Promise<Readonly<Record<string, string>>> => {
      const from = nodeStorageFor(place);
      const files: Record<string, string> = {};
      for (const { name } of await collect(from.list(place))) {
        const path = from.join(place, name);
        if (!pattern.test(name)) continue;
        const text = name.endsWith(".parquet") ? await scoresIn(from, path) : await readText(from, path);
        files[name] = text.replaceAll(inStore, folder);
      }
      return files;
    };

    it("scores what a run from the disk scores, though a worker is killed, and a later run finds it", async () => {
      expect(await runCli(run.line("whole", ...own))).toMatchObject({ code: 0 });
      const line = stored(run.line("run"));
      const { code, stderr, stdout } = await disturbed([...line, ...queue("score"), "--json"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(jsonLines(stdout).at(-1)).toMatchObject({
        type: "queue-finished",
        counts: { shards: 4, images: 240, broken: 0 },
        failed: 0,
      });
      const scores = /^\d+-.*\.parquet$/;
      const expected = await filesIn(join(folder, "whole", "scores"), scores);
      expect(Object.keys(expected)).toHaveLength(4);
      expect(await filesIn(`${inStore}/run/scores`, scores)).toEqual(expected);
      const again = await runCli([...line, "--json"]);
      expect(again).toMatchObject({ code: 0 });
      const events = jsonLines<{ type: string; what?: string }>(again.stdout);
      expect(events.some(({ type, what }) => type === "images" && what === "scored")).toBe(false);
    });

    it("embeds what one process embeds, though a worker is killed", async () => {
      const line = (out: string): readonly string[] => [
        "embed",
        join(folder, "unlabelled", "{0..3}.tar"),
        "-w",
        join(folder, "small.safetensors"),
        "-o",
        join(folder, out),
      ];
      expect(await runCli([...line("vectors.jsonl"), ...own])).toMatchObject({ code: 0 });
      const { code, stdout } = await disturbed([...stored(line("vectors.jsonl")), ...queue("embed")]);
      expect({ code, stdout }).toEqual({ code: 0, stdout: "run embed: 4 parts with 240 images\n" });
      const parts = await filesIn(inStore, /^vectors-/);
      expect(Object.keys(parts)).toHaveLength(4);
      const together = Object.keys(parts)
        .sort()
        .map((name) => parts[name])
        .join("");
      expect(together).toBe(readFileSync(join(folder, "vectors.jsonl"), "utf8"));
    });

    it("validates images of folders, and writes the files that are made of all", async () => {
      const line = (more: readonly string[]): readonly string[] => [
        "validate",
        join(folder, "test"),
        "-w",
        join(folder, "small.safetensors"),
        "--labels",
        join(folder, "names.txt"),
        "--results",
        join(folder, "results.csv"),
        "--confusion",
        join(folder, "confusion.csv"),
        ...more,
      ];
      expect(await runCli(line(own))).toMatchObject({ code: 0 });
      const worker = startWorker(redis.address);
      const end = ended(worker);
      const { code } = await runCli(stored(line([...queue("validate"), "--parts", "3"])));
      worker.kill("SIGTERM");
      await end;
      expect(code).toBe(0);
      const files = /^(results|confusion)\.csv$/;
      expect(await filesIn(inStore, files)).toEqual(await filesIn(folder, files));
    });

    it("is left to others by a worker that the store does not know", async () => {
      const line = ["embed", `${inStore}/test`, "-w", join(folder, "small.safetensors")];
      const filling = runCli([...line, "-o", `${inStore}/known.jsonl`, "--parts", "2", ...queue("known")]);
      const environment = { NO_COLOR: "1", AWS_SECRET_ACCESS_KEY: "another" };
      const stranger = startCli(["worker", redis.address], environment);
      const end = ended(stranger);
      stranger.stderr.on("data", (text: string) => {
        if (text.includes("error:")) stranger.kill("SIGTERM");
      });
      const { stderr } = await end;
      expect(stderr).toMatch(/known-0000\d-of-00002\.jsonl goes back into the queue/);
      expect(stderr).toMatch(/the store does not know these credentials .*\[data\/credentials\]/);
      expect(await ended(startWorker(redis.address, "--until-done"))).toMatchObject({ code: 0 });
      expect(await filling).toMatchObject({ code: 0, stdout: "run known: 2 parts with 12 images\n" });
    });

    it.each([
      ["an array, which is for disks", "vectors.npy", "data/read-only"],
      ["a format that is none", "vectors.text", "usage/format"],
      ["no such bucket", "s3://nowhere/vectors.jsonl", "data/no-bucket"],
    ])("refuses %s before it is filled", async (_, out, code) => {
      const output = out.includes(":") ? out : `${inStore}/${out}`;
      const line = ["embed", `${inStore}/test`, "-w", `${inStore}/small.safetensors`, "-o", output];
      const { stderr, stdout } = await runCli([...line, ...queue("refused")]);
      expect({ stdout, stderr }).toEqual({
        stdout: "",
        stderr: expect.stringContaining(`[${code}]`) as string,
      });
      expect(stderr).not.toContain("in the queue");
    });
  },
);

function startRedisIn(path: string): Promise<RedisServer> {
  mkdirSync(path);
  return startRedis(path);
}

/** What a score file holds, as text. */
async function scoresIn(storage: Storage, path: string): Promise<string> {
  const rows = await collect(readTable(storage, path, scoreColumns));
  return JSON.stringify([await readScoreFacts(storage, path), rows], (_, value: unknown) =>
    typeof value === "bigint" ? `${value}` : value,
  );
}

/** Copies a file, or a folder with all that is in it, into the store. */
async function upload(storage: Storage, path: string, uri: string): Promise<void> {
  if (statSync(path).isDirectory()) {
    for (const name of readdirSync(path)) await upload(storage, join(path, name), `${uri}/${name}`);
  } else await writeBytes(storage, uri, [readFileSync(path)]);
}
