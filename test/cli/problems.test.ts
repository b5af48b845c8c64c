import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { SemiEvent } from "../../src/semi/index.ts";
import type { TrainingEvent } from "../../src/train/run/options.ts";
import { writeColouredImages } from "../support/coloured-images.ts";
import { jsonLines, runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...names: readonly string[]): string => join(folder, ...names);
const model = ["-m", "ssl_resnext17_cifar10", "--mode", "head"];

/** What a run says before it begins, and the command in it. */
function said(stderr: string): { readonly problems: readonly string[]; readonly command: readonly string[] } {
  const lines = stderr.replaceAll(`${folder}/`, "").trim().split("\n");
  const command = /^to see them all: ssl-resnext (.*)$/.exec(lines.at(-1)!)?.[1]?.split(" ") ?? [];
  return {
    problems: lines.slice(0, -1),
    command: command.map((word) => (existsSync(at(word)) ? at(word) : word)),
  };
}

beforeAll(async () => {
  await writeColouredImages(at("photos"), 6, 1);
  await writeColouredImages(at("test"), 3, 2);
  await writeColouredImages(at("others"), 20, 3);
  copyFileSync(at("photos", "red", "0.png"), at("photos", "red", "again.png"));
  copyFileSync(at("photos", "blue", "1.png"), at("test", "blue", "known.png"));
  mkdirSync(at("photos", "owl"));
  copyFileSync(at("others", "red", "3.png"), at("photos", "owl", "only.png"));
});

const copy = "warning: 1 file is a copy of others: photos/red/again.png and photos/red/0.png.";
const single = /^warning: 1 class has a single labelled image: owl\./;
const uneven = /^warning: The classes are uneven: red has 7 labelled images, owl 1\./;

describe("problems of the images are said before a run", () => {
  it("by train, with a command that shows them all, and not to who goes on", async () => {
    const line = ["train", at("photos"), ...model, "--val", at("test"), "-o", at("trained")];
    const { code, stderr } = await runCli(line);
    expect(code).toBe(0);
    const { problems, command } = said(stderr);
    expect(problems).toEqual([
      "warning: 1 file is among the validation images too, and the accuracy there comes out too high: photos/blue/1.png and test/blue/known.png.",
      copy,
      expect.stringMatching(single),
      expect.stringMatching(uneven),
      "warning: 1 class is not in both the labelled and the validation images: owl.",
    ]);
    expect(command).toEqual(["check", at("photos"), "--validation", at("test")]);
    expect(readFileSync(at("trained", "report.html"), "utf8")).toContain(
      "1 file is among the validation images",
    );
    const check = await runCli([...command, "-m", "ssl_resnext17_cifar10", "-o", at("checked")]);
    expect(check.stdout).toMatch(/\nleak +1 image .*\ncopy +1 image is a copy/);
    // What it says comes next, word by word.
    const next = /^next, for a cleaned copy: ssl-resnext (.*) --to FOLDER$/m
      .exec(check.stdout)![1]!
      .split(" ");
    // By the names that the list of fixes has, whatever the working folder is.
    expect(next).toEqual([...command, "--apply", at("checked", "fixes.csv")]);
    const applied = await runCli([...next, "--to", at("cleaned")]);
    expect(applied).toMatchObject({ code: 0, stdout: expect.stringMatching(/ images; 2 removed/) as string });
  });

  it("by train, as an event too, once", async () => {
    const epochs = ["--mode", "full", "--epochs", "1", "--batch-size", "8"];
    const line = ["train", at("photos"), ...model.slice(0, 2), ...epochs, "-o", at("full"), "--json"];
    const first = jsonLines<TrainingEvent>((await runCli(line)).stdout);
    const found = first.filter((event) => event.type === "problems");
    expect(found).toMatchObject([{ checked: { data: [at("photos")] } }]);
    expect(found[0]?.problems.map(({ kind, count }) => `${kind} ${count}`)).toEqual([
      "copy 1",
      "single 1",
      "imbalance 1",
    ]);
    expect(first.findIndex(({ type }) => type === "problems")).toBeLessThan(
      first.findIndex(({ type }) => type === "started"),
    );
    const again = await runCli([...line, "--epochs", "2", "--resume"]);
    expect(again.stdout).not.toContain('"problems"');
    expect(again.stderr).not.toContain("warning");
  });

  it("by semi, once for all its trainings", async () => {
    const data = ["--labelled", at("photos"), "--unlabelled", at("others"), "--test", at("test")];
    const line = ["semi", "run", ...data, ...model, "-o", at("semi")];
    const { code, stderr } = await runCli(line);
    expect(code).toBe(0);
    const { problems, command } = said(stderr);
    expect(problems).toEqual([
      expect.stringMatching(/^warning: 1 file is among the test images too/),
      copy,
      expect.stringMatching(single),
      expect.stringMatching(uneven),
      "warning: 1 class is not in both the labelled and the test images: owl.",
    ]);
    expect(command).toEqual(["check", at("photos"), "--test", at("test"), "--unlabelled", at("others")]);
    expect(readFileSync(at("semi", "report.html"), "utf8")).toContain("1 file is among the test images");
    // What stands already was told of when it began.
    expect((await runCli(line)).stderr).toBe("");
    rmSync(at("semi"), { recursive: true });
    const events = jsonLines<SemiEvent>((await runCli([...line, "--json"])).stdout);
    expect(events.map(({ type }) => type).filter((type) => type === "problems")).toHaveLength(1);
  });
});
