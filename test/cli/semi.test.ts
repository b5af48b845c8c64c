import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom, type Random } from "../../src/core/index.ts";
import type { SemiEvent } from "../../src/semi/index.ts";
import { resolveSettings, settingsText } from "../../src/semi/index.ts";
import { writePipelineData } from "../semi/pipeline-data.ts";
import { ended, jsonLines, killSeed, runCli, startCli, type CliRun } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const kills = process.env["SSL_RESNEXT_LONG_TESTS"] ? 20 : 3;
/** Method joint has the stages of the others, and one of its own. */
const killsOfJoint = Math.ceil(kills / 3);

/** A run that is killed, and what it leaves each time. */
interface KilledRun {
  readonly file: string;
  readonly reference: string;
  readonly stages: readonly string[];
  readonly results: readonly string[];
}

const weightsOf = (folders: readonly string[]): readonly string[] =>
  folders.map((stage) => `${stage}/best.safetensors`);

const paper: KilledRun = {
  file: join(folder, "semi.yaml"),
  reference: join(folder, "reference"),
  stages: ["teacher", "scores", "selection", "pretrain", "finetune", "supervised", "results", "best"],
  results: [
    "best/verdict.json",
    "selection/selection.parquet",
    ...weightsOf(["teacher", "pretrain", "finetune", "supervised"]),
  ],
};
const trained = ["adapted", "labels", "tuned", "labels-alone", "tuned-alone"];
const adapt: KilledRun = {
  file: join(folder, "adapt.yaml"),
  reference: join(folder, "adapted"),
  stages: [...trained, "results", "best"],
  results: ["best/verdict.json", ...weightsOf(trained)],
};

const selecting = ["labels", "none-class", "joint", "labels-alone", "tuned-alone"];
const joint: KilledRun = {
  file: join(folder, "joint.yaml"),
  reference: join(folder, "joined"),
  stages: ["labels", "none-class", "scores", "selection", "joint", "tuned-alone", "best"],
  results: ["best/verdict.json", "selection/selection.parquet", ...weightsOf(selecting)],
};

const line = (out: string, ...more: readonly string[]): readonly string[] => lineOf(paper, out, ...more);

const lineOf = ({ file }: KilledRun, out: string, ...more: readonly string[]): readonly string[] =>
  ["semi", "run", file, "--out", out, "--threads", "1", "--workers", "1", more].flat();

/** Runs until a stage has said so much, and a moment longer, then kills the process. */
async function killedIn(stage: string, run: KilledRun, out: string, random: Random): Promise<CliRun> {
  const child = startCli(lineOf(run, out, "--json"));
  const after = random.integer(4);
  let rest = "";
  let seen = 0;
  child.stdout.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const event of lines.map((text) => JSON.parse(text) as SemiEvent)) {
      if (!("stage" in event) || event.stage !== stage) continue;
      if (seen++ !== after && event.type !== "stage-finished") continue;
      void delay(random.integer(50)).then(() => child.kill("SIGKILL"));
    }
  });
  return ended(child);
}

function expectSameResults({ results, reference }: KilledRun, out: string): void {
  for (const name of results) {
    const bytes = (run: string): Buffer => readFileSync(join(run, name));
    expect({ name, bytes: bytes(out) }).toEqual({ name, bytes: bytes(reference) });
  }
}

/** Some of the stages, in their order. */
function someStages(stages: readonly string[], count: number, random: Random): readonly string[] {
  const left = [...stages];
  while (left.length > count) left.splice(random.integer(left.length), 1);
  return left;
}

/** Kills runs in one stage after another, `count` times, and compares what they come to with a run that was never killed. */
async function killAndCompare(run: KilledRun, name: string, count = kills): Promise<number> {
  const random = seededRandom(killSeed);
  let killed = 0;
  for (let chain = 0; killed < count; chain++) {
    const out = join(folder, `${name}-${chain}`);
    for (const stage of someStages(run.stages, Math.min(run.stages.length, count - killed), random)) {
      const { code, stderr } = await killedIn(stage, run, out, random);
      expect({ stage, code, stderr }).toEqual({ stage, code: null, stderr: "" });
      killed++;
    }
    expect(await runCli(lineOf(run, out))).toMatchObject({ code: 0, stderr: "" });
    expectSameResults(run, out);
  }
  return killed;
}

beforeAll(async () => {
  const settings = await writePipelineData(join(folder, "data"));
  const saving = { saveMinutes: 0 };
  const { teachRecipe, pretrainRecipe, finetuneRecipe } = settings;
  const values = {
    ...settings,
    teachRecipe: { ...teachRecipe, ...saving },
    pretrainRecipe: { ...pretrainRecipe, ...saving },
    finetuneRecipe: { ...finetuneRecipe, ...saving },
  };
  writeFileSync(paper.file, settingsText(resolveSettings([{ name: "the test", values }])));
  const { labelled, unlabelled, test, teacher } = settings;
  const ofAdapt = {
    labelled,
    unlabelled,
    test,
    teacher,
    method: "adapt",
    mode: "full",
    adaptEpochs: 2,
    adaptRecipe: { base: "adapt", batchSize: 8, ...saving },
    tuneRecipe: { ...teachRecipe, batchNorm: "frozen", ...saving },
  };
  writeFileSync(adapt.file, settingsText(resolveSettings([{ name: "the test", values: ofAdapt }])));
  const { mode: _, adaptEpochs: __, adaptRecipe: ___, ...ofTuning } = ofAdapt;
  const ofJoint = { ...ofTuning, method: "joint", k: 4, noneImages: 10 };
  writeFileSync(joint.file, settingsText(resolveSettings([{ name: "the test", values: ofJoint }])));
});

describe("semi run", () => {
  it("says what it does, and what of it stands", async () => {
    const { code, stdout, stderr } = await runCli(line(paper.reference));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^method paper: as asked for\nteacher +to do\nscores +to do\n/);
    expect(stdout).toMatch(/\nscores\n +shards 2, images 30, broken 0, /);
    const again = await runCli(["semi", "run", "--out", paper.reference, "--json"]);
    const events = jsonLines<SemiEvent>(again.stdout);
    expect(events.map(({ type }) => type)).toEqual([
      "planned",
      ...paper.stages.map(() => "stage-finished"),
      "report",
      "best",
    ]);
  });

  it(`killed at ${kills} moments ends as if it had never been (SSL_RESNEXT_KILL_SEED=${killSeed})`, async () => {
    expect(await killAndCompare(paper, "killed")).toBe(kills);
  }, 600_000);

  it(`by method adapt killed at ${kills} moments too (SSL_RESNEXT_KILL_SEED=${killSeed})`, async () => {
    const { code, stdout, stderr } = await runCli(lineOf(adapt, adapt.reference));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^method adapt, mode full: .*\nadapted +to do +about \d+ (s|min)\n/);
    const file = join(adapt.reference, "best.safetensors");
    expect(stdout.split("\n").slice(-4)).toEqual([
      expect.stringContaining(`${file}: a classifier, then the whole network, trained on 30 labelled images`),
      `next: ssl-resnext classify PHOTOS -w ${file}`,
      `to label more, those that help most: ssl-resnext suggest -m ${adapt.reference} -o next`,
      "",
    ]);
    expect(await killAndCompare(adapt, "killed-adapt")).toBe(kills);
  }, 600_000);

  it(`by method joint killed at ${killsOfJoint} moments too (SSL_RESNEXT_KILL_SEED=${killSeed})`, async () => {
    const { code, stdout, stderr } = await runCli(lineOf(joint, joint.reference));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^method joint, mode full: as asked for; it trains the whole network\n/);
    expect(await killAndCompare(joint, "killed-joint", killsOfJoint)).toBe(killsOfJoint);
  }, 600_000);

  it("stopped by Ctrl-C says how to go on", async () => {
    const out = join(folder, "stopped");
    const child = startCli(line(out, "--json"));
    child.stdout.on("data", (chunk: string) => {
      if (chunk.includes('"step"')) child.kill("SIGINT");
    });
    const { code, stderr } = await ended(child);
    expect(code).toBe(130);
    expect(stderr).toMatch(/^stopped in stage teacher; .*give the same command again\.\n/);
  });

  it("waits for another process in the folder, and says so", async () => {
    const first = startCli(line(join(folder, "waiting"), "--json"));
    const begun = new Promise<void>((resolve) => {
      first.stdout.once("data", () => resolve());
    });
    const whole = ended(first);
    await Promise.race([begun, whole]);
    const second = await runCli(["semi", "teach", "-o", join(folder, "waiting"), "--json"]);
    expect(second).toMatchObject({
      code: 0,
      stderr: `waiting: another process works in ${join(folder, "waiting")}\n`,
    });
    expect((await whole).code).toBe(0);
  });
});

describe("the command line", () => {
  it("reads recipes that are files, and what changes them", async () => {
    const recipe = join(folder, "recipe.yaml");
    writeFileSync(recipe, "base: quick\nimages: 16\nbatchSize: 8\n");
    const out = join(folder, "recipes");
    const teach = ["--teach-recipe", `{base: ${recipe}, learningRate: 0.3}`];
    const { code } = await runCli(["semi", "teach", paper.file, "--out", out, ...teach]);
    expect(code).toBe(0);
    expect(readFileSync(join(out, "semi.yaml"), "utf8")).toMatch(
      /\nteachRecipe:\n +base: quick\n +images: 16\n +batchSize: 8\n +learningRate: 0\.3\n/,
    );
  });

  it.each([
    [["--labelled", "absent"], 1, "absent: no such file or folder"],
    [["--top-k", "0"], 2, "--top-k"],
    [["--teach-recipe", "fast"], 2, 'There is no recipe "fast"'],
    [["--teacher", "resnext"], 2, "resnext"],
    [["--k", "3"], 2, "--k"],
  ])("%j exits with %d", async (more, expected, message) => {
    const { code, stdout, stderr } = await runCli(line(join(folder, "no"), ...more));
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: expected, stdout: "" });
  });
});
