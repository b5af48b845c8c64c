import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import { writePipelineData, writeShard } from "../semi/pipeline-data.ts";
import { ended, jsonLines, killSeed, runCli, startCli, type CliRun } from "../support/run-cli.ts";
import { sha256 } from "../support/sha256.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...names: readonly string[]): string => join(folder, ...names);
const shards = 7;

const line = (out: string, ...more: readonly string[]): readonly string[] =>
  [
    `semi score --labelled ${at("labelled")} --unlabelled ${at("unlabelled", "*.tar")} -o ${out}`,
    `--teacher ${at("small.safetensors")} --teach false --labels ${at("names.txt")} --workers 1 --threads 1`,
  ]
    .flatMap((words) => words.split(" "))
    .concat(more);

/** Score files by name, as they are. */
const scoresIn = (out: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(join(out, "scores"))
      .filter((name) => /^\d+-.*\.parquet$/.test(name))
      .map((name) => [name, sha256(readFileSync(join(out, "scores", name)))]),
  );

const runPart = (out: string, part: string, env?: NodeJS.ProcessEnv): Promise<CliRun> =>
  runCli(line(out, "--part", part), undefined, env);

beforeAll(async () => {
  await writePipelineData(folder);
  for (let i = 2; i < shards; i++) await writeShard(at("unlabelled", `${i}.tar`), 4, i + 10);
  mkdirSync(at("odd"));
  writeFileSync(at("names.txt"), "red\ngreen\nblue\nyellow\npink\n");
});

describe("semi score --part", { timeout: 240_000 }, () => {
  const whole = at("whole");
  beforeAll(async () => {
    const { code, stderr } = await runCli(line(whole));
    if (code !== 0) throw new Error(stderr);
  }, 240_000);

  it("leaves what one process leaves, and a later run finds it", async () => {
    const out = at("parts");
    const runs = await Promise.all([1, 2, 3].map((i) => runPart(out, `${i}/3`)));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(runs[0]!.stdout).toContain("scores: part 1 of 3: 3 shards with");
    expect(scoresIn(out)).toEqual(scoresIn(whole));
    const again = await runCli(line(out, "--json"));
    expect(again).toMatchObject({ code: 0 });
    const events = jsonLines<{ type: string; what?: string; manifest?: { counts: unknown } }>(again.stdout);
    expect(events.some(({ type, what }) => type === "images" && what === "scored")).toBe(false);
    expect(scoresIn(out)).toEqual(scoresIn(whole));
    // The archives were read by those who scored them.
    const own = JSON.parse(readFileSync(join(out, ".fingerprints.json"), "utf8")) as Record<string, unknown>;
    expect(Object.keys(own).filter((name) => name.endsWith(".tar"))).toHaveLength(shards);
    const selected = await runCli(["semi", "select", "-k", "3", "-o", out]);
    expect(selected).toMatchObject({ code: 0 });
  });

  it(`goes on after kills, and keeps what stands (seed ${killSeed})`, async () => {
    const out = at("killed");
    const random = seededRandom(killSeed);
    for (let kill = 0; kill < 3; kill++) {
      const child = startCli(line(out, "--part", `${1 + (kill % 2)}/2`));
      const done = ended(child);
      await delay(600 + random.integer(1200));
      child.kill("SIGKILL");
      await done;
    }
    for (const part of ["1/2", "2/2"]) expect((await runPart(out, part)).code).toBe(0);
    expect(scoresIn(out)).toEqual(scoresIn(whole));
    const times = (): readonly number[] =>
      Object.keys(scoresIn(out)).map((name) => statSync(join(out, "scores", name)).mtimeMs);
    const before = times();
    // Other parts than before find the same files.
    const { stdout } = await runPart(out, "5", {
      SLURM_ARRAY_TASK_ID: "11",
      SLURM_ARRAY_TASK_MIN: "10",
      SLURM_ARRAY_TASK_COUNT: "5",
    });
    expect(stdout).toMatch(/part 2 of 5: 2 shards .*; 2 stood before/);
    expect(times()).toEqual(before);
  });

  it("refuses what is no part", async () => {
    for (const part of ["0/3", "4/3", "x", "3"]) {
      const { code, stderr } = await runPart(at("odd"), part);
      expect([code, stderr]).toEqual([2, expect.stringContaining("[usage/part]")]);
    }
    const { code, stderr } = await runCli(["semi", "select", "-o", whole, "--part", "1/3"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("unknown option '--part'")]);
  });
});
