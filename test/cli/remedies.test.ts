import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Terminal } from "../../src/cli/output/terminal.ts";
import { semiProgress } from "../../src/cli/semi/view.ts";
import { exportSafetensors } from "../../src/node/library.ts";
import { randomStateDict, resnetConfig } from "../../src/nn/index.ts";
import type { Tensor } from "../../src/core/index.ts";
import { colours, writeColouredImages } from "../support/coloured-images.ts";
import type { Writable } from "../support/pickle-writer.ts";
import { encodeLegacyPth } from "../support/pth-writer.ts";
import { runCli, type CliRun } from "../support/run-cli.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const [photos, unlabelled, start] = [at("photos"), at("others"), at("small.safetensors")];
const photo = at("photos/red/0.png");

/** The words of a command that a message tells to type, where one group of the pattern holds it. */
function told({ stderr }: CliRun, pattern: RegExp, values: Readonly<Record<string, string>> = {}): string[] {
  const command = pattern.exec(stderr)?.[1];
  if (command === undefined) throw new Error(`${pattern} is not in: ${stderr}`);
  const words = command.match(/'[^']*'|\S+/g) ?? [];
  return words.map((word) => values[word] ?? word.replaceAll("'", ""));
}

const fits = { code: 0, stderr: "" };

beforeAll(async () => {
  await writeColouredImages(photos, 6);
  await writeColouredImages(unlabelled, 6, 2);
  await exportSafetensors(
    smallNetwork({ inputSize: 16, numClasses: 3, classes: colours, stem: "cifar" }),
    start,
  );
});

describe("what a message tells to type does what it says", () => {
  it("semi score after a run by another method", async () => {
    const out = ["-o", at("semi")];
    const data = ["--labelled", photos, "--unlabelled", unlabelled, "--test", photos];
    const ran = await runCli(["semi", "run", ...data, "-m", start, ...out]);
    expect(ran).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("method labels, mode head") as string,
    });
    const refused = await runCli(["semi", "score", ...out]);
    expect(refused.code).toBe(2);
    const short = ["teach", "pretrain", "finetune"].flatMap((stage) => [
      `--${stage}-recipe`,
      "{base: quick, epochs: 1}",
    ]);
    const all = told(refused, /Give "([^"]*)" to do all that is missing/);
    expect(await runCli([...all, ...short, "--validation-share", "0", ...out])).toMatchObject({ code: 0 });
    for (const stage of [["score"], ["select", "-k", "2"]]) {
      expect(await runCli(["semi", ...stage, ...out])).toMatchObject({ code: 0 });
    }
  });

  it("semi run on uneven classes", async () => {
    await writeColouredImages(at("uneven"), 2, 3);
    await writeColouredImages(at("uneven/many"), 4, 4);
    const line = (...more: readonly string[]): readonly string[] =>
      ["semi", "run", "--labelled", at("uneven"), "--unlabelled", unlabelled, "-m", start].concat(more);
    const full = line("--mode", "full", "-o", at("balanced"));
    const warned = await runCli([...full, "--tune-recipe", "{epochs: 1}"]);
    const recipe = told(warned, /or train with sampler class-balanced \((--[^)]*)\)\./);
    const short = recipe.map((word) => word.replace("}", ", epochs: 1}"));
    expect(await runCli([...full, ...short])).toMatchObject({ code: 0 });
    expect(readFileSync(at("balanced/semi.yaml"), "utf8")).toContain("sampler: class-balanced");
    const head = await runCli(line("--mode", "head", "-o", at("head")));
    expect(head.stderr).toMatch(/Add images of the small ones\.\n/);
  });

  it("train and adapt that cannot be resumed with other values", async () => {
    const train = ["train", photos, "-w", start, "-o", at("a run"), "--epochs", "1"];
    const adapt = ["adapt", photos, "-w", start, "-o", at("a net.safetensors"), "--epochs", "1"];
    const values = {
      DATA: photos,
      IMAGES: photos,
      OTHER: at("other"),
      "OTHER.safetensors": at("other.safetensors"),
    };
    for (const line of [train, adapt]) {
      expect(await runCli(line)).toMatchObject({ code: 0 });
      const refused = await runCli([...line, "--batch-size", "4", "--resume"]);
      expect(refused.stderr).toContain("[train/other-run]");
      const again = told(refused, /begin a new run from its weights: (.*) \[train/, values);
      expect(await runCli([...again, "--epochs", "1", "--batch-size", "4"])).toMatchObject({ code: 0 });
    }
  });

  it("classify with a threshold that was not measured", async () => {
    const line = ["classify", photo, "--unknown-below", "suggested"];
    const refused = await runCli([...line, "-w", start]);
    await writeColouredImages(at("labelled"), 40, 5);
    const values = { DATA: at("labelled"), WEIGHTS: start, "NEW.safetensors": at("new.safetensors") };
    const fitted = told(refused, /"(validate DATA [^"]*)"/, values);
    expect(await runCli(fitted)).toMatchObject({ code: 0 });
    const [, ...weights] = told(refused, /then "(classify [^"]*)"/, values);
    expect(await runCli([...line, ...weights])).toMatchObject(fits);
  });

  it.each(["--vnni", "--engine auto", "--calibration-images 16"])(
    "export -f huggingface %s",
    async (option) => {
      const line = ["export", "-f", "huggingface", "-w", start, "-o", at(option)].concat(option.split(" "));
      const refused = await runCli(line);
      expect(refused.code).toBe(2);
      const calibrated = told(refused, /needs (--calibrate DATA)/, { DATA: photos });
      expect(await runCli([...line, ...calibrated])).toMatchObject({ code: 0 });
    },
  );

  it("classify and validate an ONNX file that only embeds", async () => {
    const onnx = at("embedding.onnx");
    await runCli(["export", "-w", start, "--outputs", "embedding", "-o", onnx]);
    for (const line of [
      ["classify", photo],
      ["validate", photos],
    ]) {
      const { code, stderr } = await runCli([...line, "-w", onnx]);
      expect(code).not.toBe(0);
      expect(stderr).toContain("export it with logits among its outputs");
      expect(stderr).not.toContain("--tap");
    }
    const tapped = await runCli(["embed", photo, "-w", onnx, "--tap", "hidden"]);
    expect(tapped.stderr).toContain("name one of these (output, --tap)");
  });

  it("start of a worker, where a queue has none", () => {
    let drawn = "";
    const terminal = { status: (draw: (columns: number) => string) => (drawn = draw(120)) };
    semiProgress(terminal as unknown as Terminal)({
      type: "queue",
      done: 0,
      total: 2,
      failed: 0,
      workers: 0,
      imagesPerSecond: 0,
      images: 0,
    });
    expect(drawn).toContain("no workers: start ssl-resnext worker <redis>");
  });
});

describe("a file of several networks", () => {
  const [two, plain] = [at("two.pth"), at("plain.pth")];
  beforeAll(async () => {
    const config = resnetConfig({ layers: [1, 1], width: 8, stem: "cifar", numClasses: 3 });
    const weights = new Map<string, Tensor>();
    for (const [name, source] of randomStateDict(config, 0)) weights.set(name, await source.load());
    const wrap = (state: Writable): Writable => ({
      dict: [
        ["student", state],
        ["teacher", state],
      ],
    });
    writeFileSync(two, encodeLegacyPth(weights, { wrap }));
    writeFileSync(plain, encodeLegacyPth(weights));
  });

  it("is averaged by the --key that its error names", async () => {
    const line = ["average", two, two, "-o", at("mean.safetensors")];
    const { code, stderr } = await runCli(line);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("--key") as string });
    expect(await runCli([...line, "--key", "student"])).toMatchObject(fits);
  });

  it("tells benchmark, which shows no class, of no --labels that it has not", async () => {
    const { code, stderr } = await runCli(["benchmark", "-w", plain, "--runs", "1", "--batch-sizes", "1"]);
    expect({ code, stderr }).toEqual(fits);
  });
});
