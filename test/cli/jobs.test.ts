import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { exportSafetensors, openModel } from "../../src/index.ts";
import { colourCheckpoint, colourImages } from "../support/colour-model.ts";
import { jsonLines, runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const data = join(folder, "data");
let weights = "";
let images: Awaited<ReturnType<typeof colourImages>>;

/** Class folders in which one of three red images is a blue one. */
beforeAll(async () => {
  weights = await colourCheckpoint(folder);
  images = await colourImages(folder);
  for (const [label, ...shown] of [
    ["red", "red", "red", "blue"],
    ["green", "green"],
    ["blue", "blue", "blue"],
  ] as const) {
    mkdirSync(join(data, label), { recursive: true });
    shown.forEach((colour, at) => cpSync(images[colour], join(data, label, `${at}.png`)));
  }
});

interface Summary {
  readonly top1: number;
  readonly top5: number;
  readonly count: number;
  readonly failed: number;
  readonly perClass: readonly { readonly label: string; readonly recall: number }[];
}

describe("validate", () => {
  it("ends with a line of JSON that has top1 and top5 in percent", async () => {
    const { code, stdout } = await runCli(["validate", data, "-w", weights, "--json", "--per-class"]);
    expect(code).toBe(0);
    const [summary] = jsonLines<Summary>(stdout);
    expect(summary).toMatchObject({
      model: "colours",
      top1: (100 * 5) / 6,
      top5: 100,
      img_size: 32,
      crop_pct: 0.875,
      interpolation: "bilinear",
      count: 6,
      failed: 0,
      claims: [],
    });
    expect(summary!.perClass.map(({ label, recall }) => [label, Math.round(recall)])).toEqual([
      ["red", 67],
      ["green", 100],
      ["blue", 100],
    ]);
  });

  it("counts images that fail as neither right nor wrong", async () => {
    const some = join(folder, "some");
    mkdirSync(join(some, "red"), { recursive: true });
    cpSync(images.red, join(some, "red", "0.png"));
    writeFileSync(join(some, "red", "1.png"), "");
    const { code, stdout, stderr } = await runCli(["validate", some, "-w", weights, "--json"]);
    const [failure, summary] = jsonLines<Summary & { image?: string; error?: { code: string } }>(stdout);
    expect(failure).toMatchObject({ image: join(some, "red", "1.png"), error: { code: "image/empty" } });
    expect(summary).toMatchObject({ top1: 100, count: 1, failed: 1 });
    expect(stderr).toContain("1 of 2 images failed:");
    expect(code).toBe(1);
  });

  it("chooses among the classes of a subset only", async () => {
    const only = join(folder, "only");
    cpSync(join(data, "red"), join(only, "red"), { recursive: true });
    const subset = join(folder, "subset.txt");
    writeFileSync(subset, "0\n1\n");
    const confusion = join(folder, "subset.csv");
    await runCli(["validate", only, "-w", weights, "--subset", subset, "--confusion", confusion]);
    // The blue image among the red ones cannot be called blue now.
    expect(readFileSync(confusion, "utf8")).toMatch(/\nred,\d,\d,0\n/);
    const confused = await runCli(["validate", only, "-w", weights, "--subset", "imagenet-a"]);
    expect(confused.code).toBe(2);
    expect(confused.stderr).toContain("made for the 1000 classes of ImageNet; this model has 3");
  });

  it("writes the confusion matrix and a row of timm's columns", async () => {
    const [csv, html, results] = ["confusion.csv", "confusion.html", "results.csv"].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    const args = ["validate", data, "-w", weights, "--results", results];
    await runCli([...args, "--confusion", csv]);
    await runCli([...args, "--confusion", html]);
    expect(readFileSync(csv, "utf8")).toBe(
      "right class,red,green,blue\nred,2,0,1\ngreen,0,1,0\nblue,0,0,2\n",
    );
    expect(readFileSync(html, "utf8")).toContain('title="red taken for blue: 1 (33.3 %)">1</td>');
    const row = "colours,83.333,16.667,100.000,0.000,0.01,32,0.875,bilinear,,";
    expect(readFileSync(results, "utf8")).toBe(
      "model,top1,top1_err,top5,top5_err,param_count,img_size,crop_pct,interpolation,card_top1,card_top5\n" +
        `${row}\n${row}\n`,
    );
  });

  it("refuses a file of other results before it measures", async () => {
    const others = join(folder, "others.csv");
    writeFileSync(others, "model,loss\n");
    const { code, stderr } = await runCli(["validate", "absent", "-w", weights, "--results", others]);
    expect(code).toBe(2);
    expect(stderr).toContain("others.csv: has other columns; expected model,top1,top1_err");
    expect(readFileSync(others, "utf8")).toBe("model,loss\n");
  });

  it("says which labels are no classes of the model", async () => {
    const { code, stderr } = await runCli(["validate", folder, "-w", weights]);
    expect(code).toBe(1);
    expect(stderr).toContain("data/class-mismatch");
  });
});

describe("export", () => {
  it.each([
    ["model.onnx", [], "onnx", "fp32"],
    ["half.onnx", ["--precision", "fp16", "--with-preprocessing"], "onnx", "fp16"],
    ["half.safetensors", ["--precision", "float16"], "safetensors", "fp16"],
  ])("%s", async (name, more, format, precision) => {
    const output = join(folder, name);
    const { code, stdout } = await runCli(["export", "-w", weights, "-o", output, "--json", ...more]);
    expect(code).toBe(0);
    const bytes = readFileSync(output).byteLength;
    expect(JSON.parse(stdout)).toEqual({ output, format, precision, bytes, model: "colours" });
  });

  it("gives an int8 model that is opened again, as exact as int8 from the weights", async () => {
    const output = join(folder, "int8.onnx");
    const calibration = join(folder, "calibration");
    mkdirSync(calibration);
    for (let i = 0; i < 18; i++) {
      cpSync(Object.values(images)[i % 3]!, join(calibration, `${i}.png`));
    }
    const int8 = ["--precision", "int8", "--calibrate", calibration];
    const exported = await runCli(["export", "-w", weights, "-o", output, ...int8]);
    expect(exported).toMatchObject({ code: 0, stderr: "" });
    expect(exported.stdout).toContain("colours as onnx, int8");
    const validated = async (...model: readonly string[]): Promise<Summary[]> =>
      jsonLines<Summary>((await runCli(["validate", data, "--json", ...model])).stdout);
    const [fromFile] = await validated("-w", output);
    expect(fromFile).toEqual((await validated("-w", weights, ...int8, "--reduce-range"))[0]);
    expect(fromFile).toMatchObject({ top1: (await validated("-w", weights))[0]!.top1 });
    const benchmark = ["benchmark", "-w", output, "--json", "--runs", "1", "--warm-up", "0", "-b", "1"];
    expect(JSON.parse((await runCli(benchmark)).stdout)).toMatchObject({ precision: "int8" });
    const refused = await runCli([...benchmark, "--precision", "fp32"]);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("int8.onnx computes in int8, as it was exported, and not in fp32");
  });

  it("gives a safetensors file that classifies with other names", async () => {
    const output = join(folder, "renamed.safetensors");
    const labels = join(folder, "names.txt");
    writeFileSync(labels, "rot\ngrün\nblau");
    await runCli(["export", "-w", weights, "-o", output, "--labels", labels, "--precision", "fp16"]);
    const { stdout } = await runCli(["classify", images.green, "-w", output, "--json", "-k", "1"]);
    expect(stdout).toContain('"label":"grün"');
  });
});

describe("weights without a classifier", () => {
  it("are refused by what they lack, where a class is asked for", async () => {
    const headless = join(folder, "headless.safetensors");
    await exportSafetensors(await openModel(weights, { numClasses: 0 }), headless);
    const onnx = join(folder, "headless.onnx");
    expect((await runCli(["export", "-w", headless, "-o", onnx])).code).toBe(0);
    const semi = ["semi", "score", "--labelled", data, "--unlabelled", data, "--teach", "false"];
    for (const args of [
      ["classify", images.red, "-w", headless],
      ["classify", images.red, "-w", headless, "--explain", join(folder, "headless-heat")],
      ["classify", images.red, "-w", onnx],
      ["validate", data, "-w", headless],
      ["validate", data, "-w", onnx],
      ["export", "-w", headless, "-o", onnx, "--outputs", "logits"],
      [...semi, "--teacher", headless, "-o", join(folder, "headless-semi")],
      [...semi, "--teacher", onnx, "-o", join(folder, "headless-semi")],
    ]) {
      const { code, stderr } = await runCli(args);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/^error: (\S*headless\S*|colours) has no classifier: it embeds/m);
      expect(stderr).toContain("[model/no-classifier]");
    }
    expect((await runCli(["embed", images.red, "-w", headless, "--json"])).code).toBe(0);
    const timed = ["benchmark", "-w", headless, "--runs", "1", "-b", "1"];
    expect((await runCli(timed)).code).toBe(0);
  });
});

describe("average", () => {
  it("gives the checkpoint itself for the mean of it and itself", async () => {
    const output = join(folder, "mean.safetensors");
    const { code } = await runCli(["average", weights, weights, "-o", output]);
    expect(code).toBe(0);
    const classify = async (file: string): Promise<string> =>
      (await runCli(["classify", images.blue, "-w", file, "--json", "--logits"])).stdout;
    expect(await classify(output)).toBe(await classify(weights));
    const about = await runCli(["info", output, "--json"]);
    expect(JSON.parse(about.stdout)).toMatchObject({
      name: "colours",
      classes: ["red", "green", "blue"],
      provenance: { recipe: "nearest colour", averaged: `${weights}, ${weights}` },
    });
  });

  it("refuses models whose classes have another order", async () => {
    const other = join(folder, "other-order.safetensors");
    await exportSafetensors(await openModel(weights, { classes: ["blue", "green", "red"] }), other);
    const output = join(folder, "no-mean.safetensors");
    const { code, stderr } = await runCli(["average", weights, other, "-o", output]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${weights}: ["red","green","blue"]; ${other}: ["blue","green","red"]`);
    expect(existsSync(output)).toBe(false);
  });

  it("refuses models whose images are prepared in another way", async () => {
    const other = join(folder, "other-crop.safetensors");
    await exportSafetensors(await openModel(weights, { preprocessing: { mean: [0, 0, 0] } }), other);
    const output = join(folder, "no-mean.safetensors");
    const { code, stderr } = await runCli(["average", weights, other, "-o", output]);
    expect(code).toBe(2);
    expect(stderr).toContain("models of the same preprocessing");
    expect(existsSync(output)).toBe(false);
  });

  it("takes folders of runs", async () => {
    const run = join(folder, "average-run");
    mkdirSync(run);
    copyFileSync(weights, join(run, "best.safetensors"));
    const output = join(folder, "mean-of-runs.safetensors");
    const { code, stdout } = await runCli(["average", run, weights, "-o", output, "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ checkpoints: [join(run, "best.safetensors"), weights] });
  });

  it("writes no safetensors under another format's name", async () => {
    const { code, stderr } = await runCli(["average", weights, "-o", join(folder, "mean.pth")]);
    expect(code).toBe(2);
    expect(stderr).toContain("mean.pth: end it in .safetensors");
  });
});

describe("benchmark", () => {
  it("measures each batch size", async () => {
    const args = ["benchmark", "-w", weights, "-b", "1,3", "--runs", "2", "--warm-up", "1", "--json"];
    const { code, stdout } = await runCli(args);
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as { timings: { batchSize: number; imagesPerSecond: number }[] };
    expect(result).toMatchObject({ model: "colours", inputSize: 32, runs: 2, warmUp: 1 });
    expect(result.timings.map(({ batchSize }) => batchSize)).toEqual([1, 3]);
    for (const { imagesPerSecond } of result.timings) expect(imagesPerSecond).toBeGreaterThan(0);
  });
});

describe("info", () => {
  it("says what a file holds", async () => {
    const { stdout } = await runCli(["info", weights]);
    expect(stdout).toContain("architecture  ResNeXt 1-1 of bottleneck blocks, 2x64d, 8 planes\n");
    expect(stdout).toContain("classes       3: red, green, blue\n");
    expect(stdout).toContain("recipe        nearest colour\n");
  });

  it("refuses a file that holds no weights", async () => {
    const { code, stderr } = await runCli(["info", images.red]);
    expect(code).toBe(1);
    expect(stderr).toContain("[weights/unknown-format]");
  });
});
