import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import { exportSafetensors } from "../../src/node/library.ts";
import type { TrainingEvent } from "../../src/train/run/options.ts";
import { writeColouredImages } from "../support/coloured-images.ts";
import { ended, jsonLines, killSeed, runCli, startCli, type CliRun } from "../support/run-cli.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tensorsOf } from "../support/tensors-of.ts";

const folder = temporaryFolder();
const data = join(folder, "data");
const weights = join(folder, "small.safetensors");
const kills = process.env["SSL_RESNEXT_LONG_TESTS"] ? 20 : 3;

/** Everything that draws random numbers or remembers something takes part. */
const recipe =
  "--epochs 3 --batch-size 8 --micro-batch 4 --seed 7 --mixup 0.2 --ema-decay 0.9 --drop-rate 0.1 --drop-path-rate 0.1 --re-prob 0.3";
const start = (out: string): readonly string[] => ["train", data, "--weights", weights, "--out", out];
const line = (out: string, ...more: readonly string[]): readonly string[] =>
  [start(out), "--json", recipe.split(" "), more].flat();

/** Runs until `enough` says so of an event, then sends the signal. */
async function interrupted(
  args: readonly string[],
  signal: NodeJS.Signals,
  enough: (event: TrainingEvent) => boolean,
): Promise<CliRun> {
  const child = startCli(args);
  let rest = "";
  child.stdout.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    if (lines.some((text) => enough(JSON.parse(text) as TrainingEvent))) child.kill(signal);
  });
  return ended(child);
}

/** Rows of a run's history without what differs between machines and hours. */
function historyOf(out: string): readonly unknown[] {
  const rows = jsonLines<Record<string, unknown>>(readFileSync(join(out, "metrics.jsonl"), "utf8"));
  return rows.map((row) => ({ ...row, imagesPerSecond: undefined, peakMemoryBytes: undefined }));
}

async function expectSameRun(out: string): Promise<void> {
  expect(historyOf(out)).toEqual(historyOf(reference));
  const summary = (run: string): string => readFileSync(join(run, "summary.csv"), "utf8");
  expect(summary(out)).toBe(summary(reference));
  for (const file of ["best.safetensors", "last.safetensors"]) {
    expect(await tensorsOf(join(out, file))).toEqual(await tensorsOf(join(reference, file)));
  }
}

const reference = join(folder, "reference", "run");
let uninterrupted: CliRun;

beforeAll(async () => {
  await writeColouredImages(data, 16);
  await exportSafetensors(smallNetwork({ inputSize: 16, stem: "cifar", numClasses: 5 }), weights);
  uninterrupted = await runCli(line(reference));
});

it("prints every event as a line of JSON", () => {
  const { code, stdout, stderr } = uninterrupted;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const types = jsonLines<TrainingEvent>(stdout).map(({ type }) => type);
  expect([types[0], types.at(-1)]).toEqual(["started", "finished"]);
  expect(types.filter((type) => type === "epoch")).toHaveLength(3);
});

describe("a resumed run ends as if it had never stopped", () => {
  it(`killed at ${kills} moments (SSL_RESNEXT_KILL_SEED=${killSeed})`, async () => {
    const random = seededRandom(killSeed);
    let killed = 0;
    for (let chain = 0; killed < kills; chain++) {
      const out = join(folder, `killed-${chain}`, "run");
      for (;;) {
        // Each save is a chance to be killed in the middle of it.
        const saving = ["--resume", "--save-minutes", killed % 2 === 0 ? "0" : "0.001"];
        const after = random.integer(8);
        let seen = 0;
        const { code } =
          killed === kills
            ? await runCli(line(out, ...saving))
            : await interrupted(line(out, ...saving), "SIGKILL", () => seen++ >= after);
        if (code === 0) break;
        expect(code).toBe(null);
        killed++;
      }
      await expectSameRun(out);
    }
  }, 600_000);

  it("stopped by Ctrl-C, which says how to go on", async () => {
    const out = join(folder, "stopped", "run");
    const isFifth = (event: TrainingEvent): boolean => event.type === "step" && event.step === 5;
    const { code, stderr } = await interrupted(line(out), "SIGINT", isFifth);
    expect(code).toBe(130);
    expect(stderr).toMatch(/stopped after step \d+; .*last\.safetensors is saved\. To go on, .* --resume\./);
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("This run was stopped before its end.");
    const resumed = await runCli(line(out, "--resume"));
    expect(resumed.code).toBe(0);
    await expectSameRun(out);
  });
});

describe("mode auto", () => {
  const auto = (out: string, ...more: readonly string[]): readonly string[] => [
    ...start(out),
    "--mode",
    "auto",
    "--images",
    "960",
    ...more,
  ];
  const whole = join(folder, "auto", "run");

  it("says first what it has chosen, and how both parts went", async () => {
    const { code, stdout, stderr } = await runCli(auto(whole));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^mode full: 16 labelled images a class are enough to train the whole network, from 10 on; the classifier is fitted first\nsmall: .* 48 images of 3 classes\n48 images embedded in .*\n/,
    );
    expect(stdout).toMatch(
      /\nfitted with l2 .*\nclassifier: .*, 0 for validation\n30 epochs, 30 steps of 32 images\n/,
    );
    expect(stdout.match(/^done: .*auto\/run holds best\.safetensors and report\.html$/gm)).toHaveLength(1);
  });

  it("is killed in either part, and ends with the same weights", async () => {
    const out = join(folder, "auto-killed", "run");
    const command = auto(out, "--json", "--resume", "--save-minutes", "0");
    for (const type of ["embedded", "step"]) {
      const { code } = await interrupted(command, "SIGKILL", (event) => event.type === type);
      expect(code).toBe(null);
    }
    const { code, stdout } = await runCli(command);
    expect(code).toBe(0);
    expect(jsonLines<TrainingEvent>(stdout)[0]).toMatchObject({ type: "mode-chosen", mode: "full" });
    for (const file of ["classifier/best.safetensors", "best.safetensors", "last.safetensors"])
      expect(await tensorsOf(join(out, file))).toEqual(await tensorsOf(join(whole, file)));
  });

  it("refuses what has no effect in what it has chosen, and random weights", async () => {
    const few = join(folder, "few");
    await writeColouredImages(few, 3);
    const command = ["train", few, "-w", weights, "--mode", "auto", "-o", join(folder, "refused")];
    const idle = await runCli([...command, "--epochs", "3"]);
    expect(idle).toMatchObject({ code: 2, stdout: "" });
    expect(idle.stderr).toMatch(
      /^error: Mode auto takes mode head: 3 labelled images a class are fewer than the 10 .*\n {2}the command line: epochs \(3\): no effect in mode head/,
    );
    const random = await runCli([...command, "--scratch"]);
    expect(random).toMatchObject({ code: 2, stdout: "" });
    expect(random.stderr).toContain("Mode auto goes on from trained weights");
  });

  it("changes its own recipe by a file that names no base", async () => {
    const file = join(folder, "auto.yaml");
    writeFileSync(file, "mode: auto\nimages: 64\n");
    const out = join(folder, "of-file");
    expect((await runCli([...start(out), "-r", file])).code).toBe(0);
    const text = readFileSync(join(out, "recipe.yaml"), "utf8");
    expect(text).toContain("\nmode: full\n");
    expect(text).toContain("\nlearningRate: 0.005\n");
  });
});

describe("the command line", () => {
  it("draws a table of the epochs, and reads the recipe of another run", async () => {
    const out = join(folder, "table");
    const { code, stdout } = await runCli([
      ...start(out),
      "--epochs",
      "1",
      "--recipe",
      join(reference, "recipe.yaml"),
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^small: .* 38 images of 3 classes, 10 for validation\n1 epoch, 4 steps of 8 images\n/,
    );
    expect(stdout).toMatch(
      /\nepoch +loss +top-1 +val loss +val top-1 +lr .*\n +1 .* \d+ of 10 .* best\nprobabilities are left as they come: .*\ndone: top-1 (\d+ of 10) on 10 validation images \(epoch 1\); .* best\.safetensors and report\.html\nnext: ssl-resnext classify PHOTOS -w \S+table\/best\.safetensors\n$/,
    );
    const page = readFileSync(join(out, "report.html"), "utf8");
    expect(page).toMatch(/<dt>Top-1<\/dt><dd>\d+ of 10</);
    expect(page).not.toMatch(/top-5/i);
    const recipeOf = (path: string): string => readFileSync(join(path, "recipe.yaml"), "utf8");
    expect(recipeOf(out)).toBe(recipeOf(reference).replace("epochs: 3", "epochs: 1"));
    rmSync(out, { recursive: true });
  });

  it("makes a head of few labels and many unlabelled images, judged by cross-validation", async () => {
    const [out, unlabelled, cache] = ["whitened", "unlabelled", "cache"].map((name) => join(folder, name));
    await writeColouredImages(unlabelled!, 70, 2);
    const { code, stdout } = await runCli(
      [...start(out!), "--mode", "head", "--unlabelled", unlabelled!],
      undefined,
      { SSL_RESNEXT_CACHE: cache },
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^small: .* 48 images of 3 classes\n48 images embedded in .*\n210 unlabelled images embedded in .*\n(half-whitened embeddings, l2 .*: cross-validated loss .*\n)+(l2 .*: cross-validated loss .*\n)+in 5-fold cross-validation over 48 images: loss .*, top-1 \d+ of 48\nprobabilities are left as they come: 48 images are too few .*\nfitted with .*l2 .*\ndone: cross-validated top-1 \d+ of 48; .* holds best\.safetensors and report\.html\nnext: ssl-resnext classify PHOTOS -w .*\n$/,
    );
    const classified = await runCli([
      "classify",
      join(data, "red"),
      "-w",
      join(out!, "best.safetensors"),
      "--json",
    ]);
    const labels = jsonLines<{ predictions: { label: string }[] }>(classified.stdout).map(
      ({ predictions }) => predictions[0]!.label,
    );
    expect(labels).toEqual(Array<string>(16).fill("red"));
  });

  it("marks no epoch as the best where nothing is validated, and takes the folder of a failed start again", async () => {
    const out = join(folder, "unjudged");
    const more = ["--validation-share", "0", "--epochs", "2", "--batch-size", "8"];
    const failed = await runCli([...start(out), ...more, "--device", "cuda"]);
    expect(failed.code).toBe(1);
    expect(readdirSync(out).sort()).toEqual(["metrics.jsonl", "recipe.yaml", "summary.csv"]);
    const { code, stdout } = await runCli([...start(out), ...more]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\n +2 .*\nprobabilities are left as they come: .*\ndone: .*\nnext: /);
    expect(stdout).not.toMatch(/ best$/m);
    const again = await runCli([...start(out), ...more]);
    expect(again.stderr).toContain("[train/out-exists]");
  });

  it("does not take a folder in which somebody's own recipe stands", async () => {
    const out = join(folder, "own");
    mkdirSync(out);
    writeFileSync(join(out, "recipe.yaml"), "base: quick\nepochs: 1\n");
    const { code, stderr } = await runCli([...start(out), "--recipe", join(out, "recipe.yaml")]);
    expect(code).toBe(2);
    expect(stderr).toContain("[train/out-exists]");
  });

  it.each([
    [["--recipe", "fast"], 2, 'There is no recipe "fast"'],
    [["--mode", "some"], 2, "--mode: "],
    [["--scale", "0.9,0.1"], 2, "--scale: the first number must not exceed the second"],
    [["--weights", "absent.pth"], 1, "absent.pth: no such file"],
  ])("%j exits with %d", async (more, expected, message) => {
    const { code, stdout, stderr } = await runCli([...start(join(folder, "no")), ...more]);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: expected, stdout: "" });
  });
});
