import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { WorkerJson } from "../../src/cli/worker/json.ts";
import { exportSafetensors } from "../../src/node/library.ts";
import { writeShard } from "../semi/pipeline-data.ts";
import { writeColouredImages } from "../support/coloured-images.ts";
import { startWorker } from "../support/queued-run.ts";
import { redisMissing, startRedis, type RedisServer } from "../support/redis.ts";
import { ended, jsonLines, onLines, runCli, startCli, type CliRun } from "../support/run-cli.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const missing = redisMissing();
const folder = temporaryFolder();
const at = (...names: readonly string[]): string => join(folder, ...names);
const weights = at("small.safetensors");
const shards = ["0.tar", "1.tar", "2.tar", "3.tar", "4.tar"].map((name) => at(name));
const photos = at("photos");

beforeAll(async () => {
  await exportSafetensors(smallNetwork({ inputSize: 16, stem: "cifar", numClasses: 3 }), weights);
  for (const [i, path] of shards.entries()) await writeShard(path, 4, i);
  await writeColouredImages(photos, 5);
  writeFileSync(at("names.txt"), "blue\ngreen\nred\n");
});

describe("a queue of parts is refused", () => {
  const queue = ["--queue", "redis://127.0.0.1:1", "--name", "a"];
  it.each([
    ["without a name", ["embed", photos, "--queue", "redis://127.0.0.1:1"], /--queue needs --name/],
    ["with parts alone", ["embed", photos, "--parts", "3"], /--parts needs --queue and --name/],
    ["beside a part", ["classify", photos, "--part", "1/2", ...queue], /two ways of sharing/],
    ["with workers of its own", ["validate", photos, "--workers", "2", ...queue], /worker --workers/],
    [
      "with a temperature",
      ["validate", photos, ...queue, "--fit-temperature", "x.safetensors"],
      /logits of all/,
    ],
    ["where no Redis is", ["embed", photos, "-o", "x.npy", ...queue], /There is no Redis at/],
  ])("%s", async (_, line, words) => {
    const { code, stderr } = await runCli(line);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(words);
  });
});

describe.skipIf(missing !== undefined)(
  `a queue of parts${missing ? `: ${missing}` : ""}`,
  { timeout: 240_000 },
  () => {
    let redis: RedisServer;
    beforeAll(async () => {
      mkdirSync(at("redis"));
      redis = await startRedis(at("redis"));
    });
    afterAll(() => redis[Symbol.asyncDispose]());

    const own = ["--workers", "1", "--threads", "1"];
    const queued = (name: string): readonly string[] => ["--queue", redis.address, "--name", name];
    /** Starts a command whose parts are done by one worker, unless others are given. */
    const helped = async (
      line: readonly string[],
      workers = [startWorker(redis.address)],
    ): Promise<CliRun> => {
      const ends = workers.map(ended);
      const run = await runCli(line);
      for (const worker of workers) worker.kill("SIGTERM");
      await Promise.all(ends);
      return run;
    };
    const answers = (of: string): string =>
      readdirSync(folder)
        .filter((name) => name.startsWith(`${of}-0`))
        .map((name) => readFileSync(at(name), "utf8"))
        .join("");

    it.each([
      ["embed", []],
      ["classify", ["--logits"]],
    ])("of %s writes files that together hold what one process writes", async (command, more) => {
      const line = [command, ...shards, "-w", weights, ...more];
      const whole = at(`${command}.jsonl`);
      expect(await runCli([...line, ...own, "-o", whole])).toMatchObject({ code: 0 });
      // One that dies in the middle of its first part leaves it to the other.
      const dying = startWorker(redis.address);
      onLines(dying, ({ type }: WorkerJson) => {
        if (type === "shard-started") dying.kill("SIGKILL");
      });
      const out = ["-o", at(`${command}-parts.jsonl`)];
      // What it may have begun, and what somebody else has.
      const begun = [`${command}-parts-00001-of-00005.jsonl`, `${command}-parts.jsonl`].map(
        (name) => `${name}.0123456789ab.partial`,
      );
      for (const name of begun) writeFileSync(at(name), "half");
      const workers = [dying, startWorker(redis.address)];
      const { code, stdout } = await helped([...line, ...out, ...queued(command)], workers);
      // Of five archives there are five parts, though a hundred would be made of more.
      expect({ code, stdout }).toEqual({ code: 0, stdout: `run ${command}: 5 parts with 60 images\n` });
      expect(answers(`${command}-parts`)).toBe(readFileSync(whole, "utf8"));
      expect(readdirSync(folder).filter((name) => name.endsWith(".partial"))).toEqual(begun.slice(1));
      rmSync(at(begun[1]!));
    });

    it("names images as one process does that is in the same folder", async () => {
      const inputs = [
        "./0.tar",
        "[12].tar",
        `../${basename(folder)}/{3,4}.tar`,
        "photos",
        "./photos/red/0.png",
        "./torn.png",
      ];
      writeFileSync(at("torn.png"), "no picture");
      // The worker is in another folder.
      const here = (...more: readonly string[]): Promise<CliRun> =>
        runCli(["classify", ...inputs, "-w", "small.safetensors", ...more], undefined, {}, [], folder);
      expect(await here(...own, "-o", "near.jsonl")).toMatchObject({ code: 1 });
      const worker = startWorker(redis.address);
      const end = ended(worker);
      const parts = await here("-o", "near-parts.jsonl", ...queued("near"), "--parts", "2");
      worker.kill("SIGTERM");
      await end;
      expect(parts).toMatchObject({ code: 1 });
      const lines = (text: string): readonly string[] => text.split("\n").toSorted();
      expect(lines(answers("near-parts"))).toEqual(lines(readFileSync(at("near.jsonl"), "utf8")));
    });

    it("draws the pictures of each part, and says how many images cannot be used", async () => {
      const images = at("some");
      await writeColouredImages(images, 2);
      writeFileSync(join(images, "red", "torn.png"), "no picture");
      const line = ["classify", images, "-w", weights, "--explain", at("heat"), "-o", at("some.csv")];
      const { code, stdout } = await helped([...line, ...queued("some"), "--parts", "3"]);
      expect({ code, stdout }).toEqual({
        code: 1,
        stdout: "run some: 3 parts with 7 images, 1 of them broken\n",
      });
      expect(readdirSync(at("heat"))).toEqual([0, 1, 2].map((number) => `0000${number}-of-00003`));
      expect(answers("some")).toContain("torn.png");
    });

    it("of validate measures what one process does", async () => {
      const line = ["validate", photos, "-w", weights, "--labels", at("names.txt"), "--json", "--per-class"];
      const confusion = (name: string): readonly string[] => ["--confusion", at(`${name}.csv`)];
      copyFileSync(at("names.txt"), join(photos, "red", "torn.png"));
      const whole = await runCli([...line, ...own, ...confusion("whole")]);
      const { code, stdout } = await helped([
        ...line,
        ...confusion("queued"),
        ...queued("sum"),
        "--parts",
        "4",
      ]);
      rmSync(join(photos, "red", "torn.png"));
      expect([code, whole.code]).toEqual([1, 1]);
      const [failure, report] = jsonLines<Record<string, unknown>>(stdout);
      const [expectedFailure, expected] = jsonLines<Record<string, number>>(whole.stdout);
      expect(failure).toEqual(expectedFailure);
      expect(report).toEqual({
        ...expected,
        loss: expect.closeTo(expected!["loss"]!, 6) as number,
        calibrationError: expect.closeTo(expected!["calibrationError"]!, 6) as number,
      });
      expect(report).toMatchObject({ count: 15, failed: 1 });
      expect(readFileSync(at("queued.csv"), "utf8")).toBe(readFileSync(at("whole.csv"), "utf8"));
    });

    it("is shown again by the same command, and refused to another one", async () => {
      const line = (...more: readonly string[]): readonly string[] => [
        "embed",
        ...shards,
        "-w",
        weights,
        "-o",
        at("again.npy"),
        ...queued("again"),
        ...more,
      ];
      const first = startCli(line());
      const left = ended(first);
      first.stderr.on("data", (text: string) => {
        if (text.includes("5 parts in the queue")) first.kill("SIGINT");
      });
      expect(await left).toMatchObject({ code: 130 });
      const other = await runCli(line("--normalize", "l2"));
      expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("[cluster/run-exists]")]);
      writeFileSync(at("again-00002-of-00005.images.csv.0123456789ab.partial"), "half");
      const again = await helped(line());
      expect(again.stderr).toContain("run again is in the queue already");
      expect(again).toMatchObject({ code: 0, stdout: "run again: 5 parts with 60 images\n" });
      expect(readdirSync(folder).filter((name) => name.startsWith("again-"))).toHaveLength(10);
    });

    it("is left to others by a worker that finds another model under the name", async () => {
      const model = at("changing.safetensors");
      copyFileSync(weights, model);
      const line = ["embed", ...shards, "-w", model, "-o", at("changing.jsonl"), ...queued("changing")];
      const starter = startCli(line);
      const end = ended(starter);
      await new Promise((resolve) => starter.stderr.once("data", resolve));
      await exportSafetensors(smallNetwork({ seed: 6, inputSize: 16, stem: "cifar", numClasses: 3 }), model);
      const worker = await ended(startWorker(redis.address, "--until-done"));
      expect([worker.code, worker.stderr]).toEqual([1, expect.stringContaining("[data/other-model]")]);
      copyFileSync(weights, model);
      expect(await ended(startWorker(redis.address, "--until-done"))).toMatchObject({ code: 0 });
      expect(await end).toMatchObject({ code: 0 });
    });
  },
);
