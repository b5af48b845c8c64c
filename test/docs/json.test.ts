import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ZodType } from "zod";
import { beforeAll, describe, expect, it } from "vitest";
import { checkJson } from "../../src/cli/check/json.ts";
import { classifyJson } from "../../src/cli/classify/json.ts";
import { embedJson } from "../../src/cli/embed/json.ts";
import { semiJson } from "../../src/cli/semi/json.ts";
import { suggestJson } from "../../src/cli/suggest/json.ts";
import { trainJson } from "../../src/cli/train/json.ts";
import { validateJson } from "../../src/cli/validate/json.ts";
import { workerJson } from "../../src/cli/worker/json.ts";
import { writeColouredImages } from "../support/coloured-images.ts";
import { jsonRows } from "../support/json-rows.ts";
import { jsonLines, runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const [photos, others, run] = [at("photos"), at("others"), at("run")];
const outputs: Readonly<Record<string, ZodType>> = {
  classify: classifyJson,
  embed: embedJson,
  validate: validateJson,
  check: checkJson,
  "train, adapt": trainJson,
  semi: semiJson,
  worker: workerJson,
  suggest: suggestJson,
};

/** The rows of a section's table, without the blanks that align them. */
function documented(section: string): readonly string[] {
  const text = readFileSync(new URL("../../docs/json.md", import.meta.url), "utf8");
  const [, own = ""] = text.split(`\n## ${section}\n`);
  const cells = own
    .split("\n## ")[0]!
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  return cells.map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim())
      .join(" | ")
      .trim(),
  );
}

describe("docs/json.md", () => {
  it.each(Object.keys(outputs))("has all keys of %s, and no others", (section) => {
    expect(documented(section)).toEqual(jsonRows(outputs[section]!));
  });
});

describe("what the commands write", { timeout: 240_000 }, () => {
  const weights = at("run", "best.safetensors");
  const small = ["--input-size", "16"];
  beforeAll(async () => {
    await writeColouredImages(photos, 6);
    await writeColouredImages(others, 6, 2);
    writeFileSync(at("photos", "red", "broken.png"), "no image");
    await runCli([
      "train",
      photos,
      "-m",
      "resnet20_cifar10",
      "--mode",
      "head",
      "--scratch",
      "-o",
      run,
      ...small,
    ]);
  }, 120_000);

  const start = ["-m", "resnet20_cifar10", "--scratch", "--epochs", "2", "--batch-size", "4", ...small];
  it.each<[string, readonly string[], ZodType, readonly string[]]>([
    ["classify", ["classify", photos, "-w", weights, "--logits"], classifyJson, []],
    ["its explanations", ["classify", photos, "-w", weights, "--explain", at("heat")], classifyJson, []],
    ["embed", ["embed", photos, "-w", weights], embedJson, []],
    ["its feature maps", ["embed", photos, "-w", weights, "--tap", "layer3"], embedJson, []],
    ["validate", ["validate", photos, "-w", weights, "--per-class"], validateJson, []],
    [
      "check",
      ["check", photos, "--unlabelled", others, "-w", weights, "-o", at("check")],
      checkJson,
      ["finding", "finished"],
    ],
    [
      "suggest",
      ["suggest", "--labelled", photos, "--unlabelled", others, "-m", weights, "-n", "4", "-o", at("next")],
      suggestJson,
      [],
    ],
    [
      "check --apply",
      ["check", photos, "--apply", at("check", "fixes.csv"), "--to", at("clean")],
      checkJson,
      ["applied"],
    ],
    [
      "train",
      ["train", photos, ...start, "--patience", "1", "--learning-rate", "1e-9", "-o", at("steps")],
      trainJson,
      ["started", "step", "epoch", "checkpoint", "finished"],
    ],
    [
      "train --mode head",
      ["train", photos, "-w", weights, "--mode", "head", "--unlabelled", others, "-o", at("head")],
      trainJson,
      ["embedded", "unlabelled-unused", "tried", "cross-validated", "fitted", "skipped"],
    ],
    [
      "train --mode auto",
      ["train", photos, "-w", weights, "--mode", "auto", "-o", at("auto")],
      trainJson,
      ["mode-chosen", "fitted", "skipped", "finished"],
    ],
    ["adapt", ["adapt", photos, ...start, "-o", at("adapted.safetensors")], trainJson, []],
    [
      "semi",
      [
        ["semi", "run", "--labelled", photos, "--unlabelled", others, "--test", photos, "-m", weights],
        ["--method", "labels", "--mode", "head", "-o", at("semi")],
      ].flat(),
      semiJson,
      ["planned", "stage-started", "training", "stage-finished", "report", "best"],
    ],
  ])("is as their schemas say: %s", async (_, command, schema, types) => {
    const { stdout, stderr } = await runCli([...command, "--json"]);
    const lines = jsonLines<{ type?: string }>(stdout);
    expect(`${lines.length} ${stderr}`).not.toMatch(/^0 /);
    for (const line of lines) expect(schema.parse(line)).toEqual(line);
    expect(types.filter((type) => !lines.some((line) => line.type === type))).toEqual([]);
  });
});
