import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Tensor } from "../../src/core/index.ts";
import { randomStateDict, resnetConfig } from "../../src/nn/index.ts";
import { writeFileAtomic } from "../../src/node/files/file-system.ts";
import { encodeSafetensors } from "../../src/weights/index.ts";
import { colours, writeColouredImages } from "../support/coloured-images.ts";
import type { Writable } from "../support/pickle-writer.ts";
import { encodeLegacyPth } from "../support/pth-writer.ts";
import { runCli, type CliRun } from "../support/run-cli.ts";
import { solidPng } from "../support/solid-images.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const [photos, unlabelled, names] = [at("photos"), at("others"), at("names.txt")];
const nameless = at("nameless.safetensors");
const unnamed = `${nameless} has no names of classes: its 3 classes are called class 0 to class 2; --labels (classes) names them in the order of its outputs.\n`;

const config = (numClasses: number): Parameters<typeof randomStateDict>[0] =>
  resnetConfig({ layers: [1, 1], width: 8, baseWidth: 64, cardinality: 2, stem: "cifar", numClasses });

/** A file of weights that says nothing of them. */
const write = (path: string, numClasses: number): Promise<void> =>
  writeFileAtomic(path, encodeSafetensors(randomStateDict(config(numClasses), 0)).chunks);

beforeAll(async () => {
  await writeColouredImages(photos, 6);
  await writeColouredImages(unlabelled, 4, 2);
  await write(nameless, 3);
  writeFileSync(names, `${colours.join("\n")}\n`);
});

describe("weights without names of classes", () => {
  it("are said to have none, once, by every command that names classes", async () => {
    const { stderr, stdout } = await runCli(["classify", at("photos/red/0.png"), "-w", nameless, "--json"]);
    expect(stderr).toBe(unnamed);
    expect(stdout).toContain('"class 0"');
    const exported = await runCli(["export", "-w", nameless, "-o", at("out.safetensors")]);
    expect(exported.stderr).toBe(unnamed);
    for (const command of [
      ["classify", at("photos/red/0.png"), "-w", nameless, "--labels", names],
      ["embed", at("photos/red/0.png"), "-w", nameless],
      ["train", photos, "-w", nameless, "--mode", "head", "-o", at("head")],
    ])
      expect((await runCli(command)).stderr).not.toContain("no names of classes");
  });

  it("of a thousand classes are taken for ImageNet's, which is said to be a guess", async () => {
    await write(at("thousand.safetensors"), 1000);
    const { stderr } = await runCli(["classify", at("photos/red/0.png"), "-w", at("thousand.safetensors")]);
    expect(stderr).toContain("1,000 classes are taken for ImageNet's in their usual order, which is a guess");
  });

  it("do not fit labelled images, and the error says how to name them", async () => {
    const mismatched = await runCli(["validate", photos, "-w", nameless]);
    expect(mismatched.code).not.toBe(0);
    expect(mismatched.stderr).toContain("--labels FILE");
    expect((await runCli(["validate", photos, "-w", nameless, "--labels", names])).code).toBe(0);
  });

  it("are a teacher's too, whom --labels of semi names", async () => {
    const semi = (...more: readonly string[]): Promise<CliRun> =>
      runCli(
        ["semi", "score", "--labelled", photos, "--unlabelled", unlabelled].concat([
          "--teacher",
          nameless,
          "--teach",
          "false",
          "-p",
          "3",
          "--validation-share",
          "0",
          "-o",
          at("semi"),
          ...more,
        ]),
      );
    const refused = await semi();
    expect(refused.stderr).toContain(unnamed);
    expect(refused.stderr).toContain("--labels FILE");
    expect(await semi("--labels", names)).toMatchObject({ code: 0, stderr: "" });
    const trained = await semi("--labels", names, "--teach", "true");
    expect(trained.stderr).toContain("labels");
    expect(trained.stderr).toContain("no effect with teach true");
  });
});

describe("a file that has averages too", () => {
  const both = at("both.pth");
  beforeAll(async () => {
    const weights = new Map<string, Tensor>();
    for (const [name, source] of randomStateDict(config(3), 0)) weights.set(name, await source.load());
    // As timm's training writes it; both are the same here.
    const wrap = (state: Writable): Writable => ({
      dict: [
        ["state_dict", state],
        ["state_dict_ema", state],
      ],
    });
    writeFileSync(both, encodeLegacyPth(weights, { wrap }));
  });
  const note = `${both} has averaged weights too (state_dict_ema): --ema (ema) takes them.\n`;

  it.each([
    ["classify", ["classify", at("photos/red/0.png"), "-w", both, "--labels", names]],
    ["embed", ["embed", at("photos/red/0.png"), "-w", both]],
    ["train", ["train", photos, "-w", both, "--mode", "head", "-o", at("averages")]],
  ])("is said to have them, once: %s", async (_, command) => {
    expect((await runCli(command)).stderr).toBe(note);
    const taken = await runCli([...command.map((part) => part.replace("averages", "taken")), "--ema"]);
    expect(taken).toMatchObject({ code: 0, stderr: "" });
  });

  it("is a start of semi, which takes them too", async () => {
    const semi = (out: string, ...more: readonly string[]): Promise<CliRun> =>
      runCli(
        [
          "semi",
          "run",
          "--labelled",
          photos,
          "--unlabelled",
          unlabelled,
          "-m",
          both,
          "--mode",
          "head",
        ].concat(["--method", "labels", ...more, "-o", at(out)]),
      );
    expect((await semi("semi-own")).stderr).toContain(note);
    const taken = await semi("semi-averages", "--ema");
    expect(taken.code).toBe(0);
    expect(taken.stderr).not.toContain("averaged");
  });
});

describe("calibration", () => {
  it.each([
    ["the same picture over", "alike", async () => solidPng([200, 30, 90], 40)],
    ["grey pictures", "grey", async (index: number) => solidPng([12 * index, 12 * index, 12 * index], 40)],
  ] as const)("warns of %s", async (name, doubt, picture) => {
    const data = at(name);
    mkdirSync(data);
    for (let index = 0; index < 16; index++) writeFileSync(join(data, `${index}.png`), await picture(index));
    const args = ["-w", nameless, "--labels", names, "--precision", "int8", "--calibrate", data];
    const { code, stderr } = await runCli(["classify", at("photos/red/0.png"), ...args]);
    expect(code).toBe(0);
    expect(stderr).toBe(
      `warning all 16 calibration images are ${doubt}: int8 is likely to be wrong for others; give some of every kind that will come\n`,
    );
    const usual = await runCli(["classify", at("photos/red/0.png"), ...args.slice(0, -1), photos]);
    expect(usual.stderr).not.toContain("warning");
  });
});
