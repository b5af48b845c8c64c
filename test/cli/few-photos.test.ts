import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import type { SemiEvent } from "../../src/semi/index.ts";
import { colouredPng, colours, writeColouredImages } from "../support/coloured-images.ts";
import { jsonLines, runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const photos = join(folder, "photos");
const others = join(folder, "others");
const out = join(folder, "run");
const line = ["semi", "run", "--labelled", photos, "--unlabelled", others, "-o", out];
const teacher = ["--teacher", "ssl_resnext17_cifar10"];

beforeAll(async () => {
  await writeColouredImages(photos, 12);
  mkdirSync(others);
  const random = seededRandom(7);
  for (let i = 0; i < 64; i++) {
    writeFileSync(join(others, `${i}.png`), await colouredPng(i % colours.length, random));
  }
});

describe("36 photos in three folders, and 64 others", () => {
  it("need a word about the teacher, which is said before anything is written", async () => {
    const { code, stdout, stderr } = await runCli(line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Say what to start from (teacher, --teacher, -m)");
    expect(stderr).toContain("ssl_resnext17_cifar10 comes with this package");
    expect(existsSync(join(out, "semi.yaml"))).toBe(false);
  });

  it("end well with no flags but the folders, the teacher and little time", async () => {
    const { code, stdout, stderr } = await runCli([...line, ...teacher, "--tune-minutes", "0.01"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^method labels, mode head: 64 unlabelled images are too few to adapt the network to/,
    );
    expect(stdout).toMatch(
      /which would take about \d+ minutes, and tuneMinutes is 0.01: the classifier alone/,
    );
    expect(stdout).toMatch(
      /The 64 unlabelled images had no part in the model: .*; 36 labelled images are too few to tell how good it is\.\n/,
    );
    expect(stdout).toMatch(/\nreport: .*report\.html\n/);
    expect(existsSync(join(out, "best.safetensors"))).toBe(true);
    const again = jsonLines<SemiEvent>((await runCli([...line, ...teacher, "--json"])).stdout);
    expect(again.flatMap((event) => (event.type === "stage-started" ? [event.stage] : []))).toEqual([]);
  });

  it("end well in the paper's order too, with smaller batches, which is said", async () => {
    const short = ["--teach-recipe", "--pretrain-recipe", "--finetune-recipe"].flatMap((flag) => [
      flag,
      "{epochs: 2}",
    ]);
    const paper = [...line.slice(0, -1), `${out}-paper`, ...teacher, "--method", "paper", ...short];
    const { code, stdout, stderr } = await runCli(paper);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(
      "\npretrain             at most 9 images for a batch of 32: each step takes at most 9\n",
    );
    expect(stdout).toMatch(
      /\npretrain\n {2}9 images for a batch of 32: each step takes 9\n.*\n {2}2 epochs, 2 steps of 9 images\n/,
    );
    expect(readFileSync(join(`${out}-paper`, "pretrain", "recipe.yaml"), "utf8")).toContain(
      "\nbatchSize: 9\n",
    );
  }, 600_000);

  it.each([
    [["--top-k", "65"], "K (65): expected at most 64, as there are 64 unlabelled images."],
    [["--top-p", "4"], "P (4): expected at most 3"],
    [["--threshold", "0.9"], "the command line: threshold (0.9): no effect but with ranking threshold"],
    [["--ranking", "balanced"], 'ranking ("balanced"): no effect but in methods paper and joint'],
    [["--method", "labels", "--adapt-epochs", "3"], "adaptEpochs (3): no effect but in method adapt"],
    [
      ["--mode", "head", "--tune-recipe", "supervised"],
      "no effect in mode head, which leaves the network as it is",
    ],
    [["--finetune-recipe", "{batchSize: 4, microBatch: 1, inputSize: 4}"], "--batch-norm frozen"],
    [["--sweep", "{k: [1, 2]}"], "--sweep: no effect in this command"],
  ])("are refused what cannot be, with %j", async (more, message) => {
    const { code, stdout, stderr } = await runCli([...line, ...teacher, ...more]);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});

it("train refuses what has no effect, and says what to do instead", async () => {
  const { code, stdout, stderr } = await runCli([
    "train",
    photos,
    "-m",
    "ssl_resnext17_cifar10",
    "-o",
    join(folder, "head"),
    "--mode",
    "head",
    "--epochs",
    "3",
    "--sampler",
    "sequential",
    "--smoothing",
    "0.1",
  ]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toBe(`error: What is asked for would have no effect:
  the command line: epochs (3): no effect in mode head, which embeds every image once, as evaluation sees it, and fits the classifier at once, with a decay of its own choice; leave it out, or train by steps, with mode full or last-stages.
  the command line: sampler ("sequential"): no effect in mode head, which looks at all images at once: there is no order; leave it out, or take shuffled (each image counts the same) or class-balanced (each class does). [train/no-effect]
`);
});
