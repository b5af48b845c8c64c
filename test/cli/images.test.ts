import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { colourCheckpoint, colourImages } from "../support/colour-model.ts";
import { referenceMissing, runReference } from "../support/reference.ts";
import { ended, jsonLines, runCli, startCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

interface Classified {
  readonly image: string;
  readonly predictions?: readonly {
    readonly index: number;
    readonly label: string;
    readonly probability: number;
  }[];
  readonly error?: { readonly code: string; readonly message: string };
}

const folder = temporaryFolder();
const broken = join(folder, "broken.jpg");
let weights = "";
let images: Awaited<ReturnType<typeof colourImages>>;

beforeAll(async () => {
  weights = await colourCheckpoint(folder);
  images = await colourImages(folder);
  writeFileSync(broken, "this is no image");
});

describe("classify", () => {
  it("keeps its JSON contract, goes on after a broken image and says at the end which failed", async () => {
    const { red, blue } = images;
    const { code, stdout, stderr } = await runCli(["classify", red, broken, blue, "-w", weights, "--json"]);
    const lines = jsonLines<Classified>(stdout);
    expect(lines.map(({ image }) => image)).toEqual([red, broken, blue]);
    expect(Object.keys(lines[0]!)).toEqual(["image", "predictions"]);
    expect(lines[0]!.predictions).toHaveLength(3);
    expect(Object.keys(lines[0]!.predictions![0]!)).toEqual(["index", "label", "probability"]);
    expect(lines[0]!.predictions![0]).toMatchObject({ index: 0, label: "red" });
    expect(lines[2]!.predictions![0]).toMatchObject({ index: 2, label: "blue" });
    const sum = lines[0]!.predictions!.reduce((total, { probability }) => total + probability, 0);
    expect(sum).toBeCloseTo(1, 5);
    expect(lines[1]).toEqual({
      image: broken,
      error: { code: "image/unknown-format", message: expect.any(String) as string },
    });
    expect(stderr).toContain(`1 of 3 images failed:\n  ${broken}: `);
    expect(code).toBe(1);
  });

  it("draws a table without colours into a pipe, aligned across images", async () => {
    const { code, stdout, stderr } = await runCli([
      "classify",
      images.red,
      images.green,
      "-w",
      weights,
      "-k",
      "1",
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.split("\n");
    expect(lines[0]).toBe(images.red);
    expect(lines[1]).toMatch(/^ {2}red {11}█[█▉▊▋▌▍▎▏ ]{31} {3}\d\d\.\d\d %$/);
    expect(lines[2]).toBe(images.green);
    expect(lines[3]!.indexOf("█")).toBe(lines[1]!.indexOf("█"));
  });

  it("counts the images of each class where they are many, but not among lines for programs", async () => {
    const many = [...Array<string>(7).fill(images.red), ...Array<string>(3).fill(images.blue)];
    const args = ["classify", ...many, broken, "-w", weights];
    const { stdout } = await runCli(args);
    expect(stdout).toMatch(
      /\n\n10 images, by the likeliest class\n {2}red +█+.? +7 images\n {2}blue +█+.? +3 images\n$/,
    );
    const csv = join(folder, "many.csv");
    const written = await runCli([...args, "-o", csv]);
    expect(written.stdout).toMatch(/^\n10 images, by the likeliest class\n/);
    expect(readFileSync(csv, "utf8")).not.toContain("likeliest");
    for (const format of [["--json"], ["--format", "csv"]]) {
      expect((await runCli([...args, ...format])).stdout).not.toContain("likeliest");
    }
    expect((await runCli(["classify", images.red, "-w", weights])).stdout).not.toContain("likeliest");
  });

  it("says how the work is shared out only when asked", async () => {
    const args = ["classify", images.red, images.blue, "-w", weights];
    expect((await runCli(args)).stderr).toBe("");
    expect((await runCli([...args, "--verbose"])).stderr).toMatch(/worker|thread/);
  });

  it("takes other class names, and gives logits", async () => {
    const labels = join(folder, "labels.txt");
    writeFileSync(labels, "rouge\nvert\nbleu\n");
    const args = [
      "classify",
      images.green,
      "-w",
      weights,
      "--labels",
      labels,
      "--logits",
      "--json",
      "-k",
      "1",
    ];
    const [line] = jsonLines<{ predictions: { label: string; logit: number }[] }>(
      (await runCli(args)).stdout,
    );
    expect(line!.predictions[0]).toMatchObject({ label: "vert", logit: expect.any(Number) as number });
  });

  it("opens a weights file whatever its name ends in, but not as another model", async () => {
    const odd = join(folder, "odd.weights");
    copyFileSync(weights, odd);
    const opened = await runCli(["classify", images.red, "-w", odd, "-k", "1", "--json"]);
    expect(jsonLines<Classified>(opened.stdout)[0]!.predictions![0]!.label).toBe("red");
    const refused = await runCli(["classify", images.red, "-w", weights, "-m", "ssl_resnet18"]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("[usage/other-model]");
  });

  it("reads an image from standard input", async () => {
    const { code, stdout } = await runCli(
      ["classify", "-", "-w", weights, "--json"],
      readFileSync(images.blue),
    );
    expect(code).toBe(0);
    expect(jsonLines<Classified>(stdout)[0]!.predictions![0]!.label).toBe("blue");
  });

  it("writes CSV, failures included", async () => {
    const output = join(folder, "classes.csv");
    const { code, stdout, stderr } = await runCli([
      "classify",
      images.red,
      broken,
      "-w",
      weights,
      "-k",
      "1",
      "-o",
      output,
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/\n\S+classes\.csv holds the results of 2 images\n$/);
    const [header, first, second] = readFileSync(output, "utf8").split("\n");
    expect(header).toBe("image,rank,index,label,probability,error");
    expect(first).toMatch(new RegExp(String.raw`^${images.red},1,0,red,0\.\d+,$`));
    expect(second).toMatch(new RegExp(`^${broken},,,,,image/unknown-format: `));
  });

  it("writes Parquet", async () => {
    const output = join(folder, "classes.parquet");
    await runCli(["classify", images.red, broken, images.blue, "-w", weights, "-k", "1", "-o", output]);
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(output), compressors });
    expect(rows.map(({ image, label }) => [image, label ?? null])).toEqual([
      [images.red, "red"],
      [broken, null],
      [images.blue, "blue"],
    ]);
    expect(rows[1]!["error"]).toMatch(/^image\/unknown-format: /);
  });

  it("does not download when it must not", async () => {
    const { code, stderr } = await runCli(
      ["classify", images.red, "-m", "ssl_resnet18", "--offline"],
      undefined,
      {
        SSL_RESNEXT_CACHE: join(folder, "empty-cache"),
      },
    );
    expect(code).toBe(1);
    expect(stderr).toContain("[weights/offline]");
  });

  it("reports a missing input", async () => {
    const { code, stdout, stderr } = await runCli(["classify", join(folder, "none.jpg"), "-w", weights]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^error: .*none\.jpg.*\[data\/not-found\]\n$/);

    const some = await runCli(["classify", images.red, join(folder, "none.jpg"), "-w", weights, "--json"]);
    expect(some.code).toBe(1);
    const [present, absent] = jsonLines<Classified>(some.stdout);
    expect(present!.predictions).toBeDefined();
    expect(absent).toEqual({
      image: join(folder, "none.jpg"),
      error: { code: "data/not-found", message: expect.stringContaining("no such file") as string },
    });
  });
});

describe("classify --explain", () => {
  interface Explained extends Classified {
    readonly explanation?: {
      readonly index: number;
      readonly label: string;
      readonly probability: number;
      readonly layer: string;
      readonly picture: string;
    };
  }

  it("draws where the predicted class is seen, names the pictures, and passes over a broken image", async () => {
    const out = join(folder, "heat/of/today");
    const args = ["classify", images.red, broken, images.blue, "-w", weights, "--json", "--explain", out];
    const { code, stdout } = await runCli(args);
    expect(code).toBe(1);
    const lines = jsonLines<Explained>(stdout);
    expect(lines.map(({ explanation }) => explanation)).toEqual([
      {
        index: 0,
        label: "red",
        probability: lines[0]!.predictions![0]!.probability,
        layer: "layer2",
        picture: join(out, "red-explained.png"),
      },
      undefined,
      expect.objectContaining({ label: "blue", picture: join(out, "blue-explained.png") }) as object,
    ]);
    expect(readdirSync(out).toSorted()).toEqual(["blue-explained.png", "red-explained.png"]);
    const { width, height, format } = await sharp(lines[0]!.explanation!.picture).metadata();
    expect({ width, height, format }).toEqual({ width: 16, height: 16, format: "png" });
    const plain = await runCli(["classify", images.red, "-w", weights, "--json"]);
    expect(jsonLines<Classified>(plain.stdout)[0]!.predictions).toEqual(lines[0]!.predictions);
  });

  it("explains the class that is asked for, numbers pictures of the same name, and says where they are", async () => {
    const out = join(folder, "asked");
    const twins = ["a", "b"].map((name) => {
      mkdirSync(join(folder, name));
      copyFileSync(images.green, join(folder, name, "same.png"));
      return join(folder, name, "same.png");
    });
    const args = ["classify", ...twins, "-w", weights, "--explain", out, "--explain-class"];
    const { code, stdout } = await runCli([...args, "Blue", "--explain-layer", "stem"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`  blue: ${join(out, "same-explained.png")}\n`);
    expect(stdout).toContain(`  blue: ${join(out, "same-explained-2.png")}\n`);
    const byIndex = await runCli([...args, "2", "--json"]);
    expect(jsonLines<Explained>(byIndex.stdout)[0]!.explanation).toMatchObject({ index: 2, label: "blue" });
  });

  it("gives the picture in a column of tables", async () => {
    const output = join(folder, "explained.csv");
    await runCli(["classify", images.red, "-w", weights, "-k", "1", "--explain", folder, "-o", output]);
    const [header, row] = readFileSync(output, "utf8").split("\n");
    expect(header).toBe("image,rank,index,label,probability,explained,picture,error");
    expect(row).toMatch(/,red,.*red-explained\.png,$/);
  });

  it("refuses classes that the model has not, and folders that cannot be", async () => {
    const args = ["classify", images.red, "-w", weights];
    const unknown = await runCli([...args, "--explain", folder, "--explain-class", "blau"]);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('colours has no class "blau"; expected a name such as blue, ');
    const nowhere = await runCli([...args, "--explain-class", "blue"]);
    expect(nowhere.code).toBe(2);
    expect(nowhere.stderr).toContain("--explain-class belongs to --explain FOLDER");
    const file = await runCli([...args, "--explain", images.blue]);
    expect(file.code).toBe(1);
    expect(file.stderr).toMatch(/^error: .*blue\.png: /);
  });
});

describe("embed", () => {
  it("gives the pooled features", async () => {
    const { stdout } = await runCli(["embed", images.red, broken, "-w", weights, "--json"]);
    const [first, second] = jsonLines<{ image: string; embedding: number[]; error?: object }>(stdout);
    expect(Object.keys(first!)).toEqual(["image", "embedding"]);
    expect(first!.embedding).toHaveLength(64);
    expect(second).toMatchObject({ image: broken, error: { code: "image/unknown-format" } });
  });

  it("scales embeddings to length 1 with --normalize l2, and refuses it for a feature map", async () => {
    const embeddingOf = async (...more: string[]): Promise<number[]> =>
      jsonLines<{ embedding: number[] }>(
        (await runCli(["embed", images.red, "-w", weights, "--json", ...more])).stdout,
      )[0]!.embedding;
    const plain = await embeddingOf();
    expect(await embeddingOf("--normalize", "none")).toEqual(plain);
    const scaled = await embeddingOf("--normalize", "l2");
    expect(Math.hypot(...scaled)).toBeCloseTo(1, 6);
    for (const [at, value] of plain.entries())
      expect(scaled[at]).toBeCloseTo(value / Math.hypot(...plain), 6);
    const refused = await runCli(["embed", images.red, "-w", weights, "--tap", "stem", "--normalize", "l2"]);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("--normalize: is for embeddings");
  });

  it("gives a feature map whose mean is the embedding", async () => {
    const run = async (
      more: string[],
    ): Promise<{ embedding: number[]; dims: number[]; features: number[] }> =>
      jsonLines<{ embedding: number[]; dims: number[]; features: number[] }>(
        (await runCli(["embed", images.green, "-w", weights, "--json", ...more])).stdout,
      )[0]!;
    const [{ embedding }, { dims, features }] = await Promise.all([run([]), run(["--tap", "layer2"])]);
    expect(dims).toEqual([64, 4, 4]);
    const means = embedding.map(
      (_, c) => features.slice(c * 16, c * 16 + 16).reduce((sum, x) => sum + x, 0) / 16,
    );
    means.forEach((mean, c) => expect(mean).toBeCloseTo(embedding[c]!, 4));
  });

  it("writes CSV with a column per value", async () => {
    const output = join(folder, "embeddings.csv");
    await runCli(["embed", broken, images.red, "-w", weights, "-o", output]);
    const [header, failed, row] = readFileSync(output, "utf8").split("\n");
    expect(header!.split(",").slice(0, 3)).toEqual(["image", "e0", "e1"]);
    expect(header!.split(",")).toHaveLength(66);
    expect(failed!.startsWith(`${broken},,`)).toBe(true);
    expect(row!.split(",")).toHaveLength(66);
  });
});

describe.skipIf(referenceMissing("numpy"))("embed for NumPy", () => {
  interface Loaded {
    readonly dtype: string;
    readonly shape: readonly number[];
    readonly fortran: boolean;
    readonly numbers: readonly number[];
  }
  const load = (path: string): Loaded => runReference("npy.py", [path]) as Loaded;

  it("writes what np.load reads: the vectors, and the names beside them", async () => {
    const output = join(folder, "vectors.npy");
    const { code, stderr } = await runCli([
      "embed",
      images.red,
      broken,
      images.blue,
      "-w",
      weights,
      "-o",
      output,
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain("vectors.images.csv their names\n");
    const { numbers, ...rest } = load(output);
    expect(rest).toEqual({ dtype: "float32", shape: [2, 64], fortran: false });
    const json = await runCli(["embed", images.red, images.blue, "-w", weights, "--json"]);
    const expected = jsonLines<{ embedding: number[] }>(json.stdout).flatMap(({ embedding }) => embedding);
    expect(numbers.map(Math.fround)).toEqual(expected.map(Math.fround));
    expect(readFileSync(join(folder, "vectors.images.csv"), "utf8")).toBe(
      `image\n${images.red}\n${images.blue}\n`,
    );
  });

  it("writes feature maps in four dimensions, and an array without rows where none could be read", async () => {
    const output = join(folder, "maps.npy");
    await runCli(["embed", images.red, "-w", weights, "--tap", "layer2", "-o", output]);
    expect(load(output)).toMatchObject({ shape: [1, 64, 4, 4] });
    await runCli(["embed", broken, "-w", weights, "-o", output]);
    expect(load(output)).toMatchObject({ shape: [0, 64] });
  });

  it("is refused where answers are no arrays, or there is no file", async () => {
    const classified = await runCli(["classify", images.red, "-w", weights, "-o", join(folder, "x.npy")]);
    expect(classified).toMatchObject({ code: 2, stdout: "" });
    expect(classified.stderr).toContain("x.npy: end it in .jsonl, .json, .csv or .parquet");
    const nowhere = await runCli(["embed", images.red, "-w", weights, "--format", "npy"]);
    expect(nowhere.stderr).toContain("--format npy needs --output");
    const zipped = await runCli(["embed", images.red, "-w", weights, "-o", join(folder, "x.npz")]);
    expect(zipped.stderr).toContain("x.npz: end it in .npy, .jsonl");
    expect(readdirSync(folder).filter((name) => name.startsWith("x."))).toEqual([]);
  });
});

describe("a run that ends early", () => {
  // So long a command line crashes ONNX Runtime 1.30 unless its telemetry is off.
  const many = (): string[] => Array.from({ length: 20_000 }, () => images.red);

  it("keeps the results so far at Ctrl-C and exits with 130", async () => {
    const output = join(folder, "interrupted.jsonl");
    const child = startCli(["embed", ...many(), "-w", weights, "-o", output]);
    const result = ended(child);
    await untilWriting(output);
    child.kill("SIGINT");
    const { code, stderr } = await result;
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: `${output} holds the results so far\ninterrupted\n`,
    });
    const lines = jsonLines<{ embedding: number[] }>(readFileSync(output, "utf8"));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThan(20_000);
    for (const { embedding } of lines) expect(embedding).toHaveLength(64);
  });

  it("leaves an earlier output as it was when an error ends it", async () => {
    const output = join(folder, "earlier.jsonl");
    writeFileSync(output, "an earlier run\n");
    const list = Buffer.from(`${images.red}\n${join(folder, "absent.tar")}\n`);
    const { code, stderr } = await runCli(["embed", "-", "-w", weights, "-o", output], list);
    expect(code).toBe(1);
    expect(stderr).toContain("[data/not-found]");
    expect(readFileSync(output, "utf8")).toBe("an earlier run\n");
    expect(readdirSync(folder).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });

  it("ends quietly when the reader of its results goes away", async () => {
    const child = startCli(["classify", ...many(), "-w", weights, "--json"]);
    const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
    let stderr = "";
    child.stderr.on("data", (text: Buffer) => {
      stderr += text.toString();
    });
    child.stdout.once("data", () => child.stdout.destroy());
    expect({ code: await closed, stderr }).toEqual({ code: 0, stderr: "" });
  });
});

/** Resolves when results have reached the temporary file that stands beside an output under way. */
async function untilWriting(output: string): Promise<void> {
  for (;;) {
    const partial = readdirSync(dirname(output)).find((name) => name.startsWith(basename(output)));
    if (partial !== undefined && statSync(join(dirname(output), partial)).size > 0) return;
    await setTimeout(20);
  }
}
