import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { createModel, openModel } from "../../src/node/library.ts";
import { changeMetadata } from "../support/change-metadata.ts";
import { jsonLines, runCli, type CliRun } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const photos = at("photos");
const note = (images: string): string =>
  `${images} side (EXIF orientation), and this model takes images as they are stored; --exif turns them\n`;

/** A photograph that is dark on one side, as a camera on its side stores it. */
async function photo(light: number): Promise<Buffer> {
  const pixels = Uint8Array.from({ length: 40 * 40 * 3 }, (_, index) =>
    Math.floor(index / 120) < 20 ? light : 20,
  );
  return sharp(pixels, { raw: { width: 40, height: 40, channels: 3 } })
    .jpeg({ quality: 95, chromaSubsampling: "4:4:4" })
    .withMetadata({ orientation: 6 })
    .toBuffer();
}

interface Answer {
  readonly predictions: readonly { readonly label: string; readonly probability: number }[];
}

/** Class and probability of each image. */
const answers = ({ stdout }: CliRun): readonly (readonly [string, number])[] =>
  jsonLines<Answer>(stdout).map(({ predictions: [best] }) => [best!.label, best!.probability]);

const classify = (...args: readonly string[]): Promise<CliRun> =>
  runCli(["classify", "-k", "1", "--json", ...args]);

const train = (out: string, ...args: readonly string[]): Promise<CliRun> =>
  runCli(
    ["train", photos, "-m", "resnet20_cifar10", "--scratch", "--epochs", "2", "--batch-size", "4"].concat([
      "--validation-share",
      "0",
      "-o",
      at(out),
      ...args,
    ]),
  );

beforeAll(async () => {
  for (const [name, light] of [
    ["dark", 90],
    ["light", 220],
  ] as const) {
    mkdirSync(at("photos", name), { recursive: true });
    for (let i = 0; i < 6; i++) writeFileSync(at("photos", name, `${i}.jpg`), await photo(light + i));
  }
  writeFileSync(at("sideways.jpg"), await photo(200));
  writeFileSync(at("upright.png"), await sharp(at("sideways.jpg")).rotate().png().toBuffer());
  writeFileSync(at("as-stored.png"), await sharp(at("sideways.jpg")).png().toBuffer());
});

describe("a model that came as timm has it", () => {
  it("takes photographs as they are stored, and says so once at the end", async () => {
    const stored = await classify(at("as-stored.png"));
    const sideways = await classify(at("sideways.jpg"), at("photos", "dark", "0.jpg"));
    expect(answers(sideways)[0]).toEqual(answers(stored)[0]);
    expect(stored.stderr).not.toContain("EXIF");
    expect(sideways.stderr).toContain(note("2 images say that they lie on their"));
    expect((await classify(at("sideways.jpg"))).stderr).toContain(note("1 image says that it lies on its"));
  });

  it("turns them with --exif, and takes them as they are with --no-exif, without a word", async () => {
    const [upright] = answers(await classify(at("upright.png")));
    const [stored] = answers(await classify(at("as-stored.png")));
    expect(upright).not.toEqual(stored);
    for (const [option, answer] of [
      ["--exif", upright],
      ["--no-exif", stored],
    ] as const) {
      const asked = await classify(at("sideways.jpg"), option);
      expect(answers(asked)).toEqual([answer]);
      expect(asked.stderr).not.toContain("EXIF");
    }
  });

  it("that prepares images inside cannot be told to turn them, and another way is named", async () => {
    const onnx = at("inside.onnx");
    await runCli(["export", "--with-preprocessing", "-o", onnx]);
    expect((await classify(at("sideways.jpg"), "-w", onnx, "--exif")).stderr).toContain(
      "[model/fixed-graph]",
    );
    const { stderr } = await classify(at("sideways.jpg"), "-w", onnx);
    expect(stderr).toContain(
      "as they are stored; the ONNX file prepares them itself: turn them first, or name",
    );
    expect((await classify(at("upright.png"), "-w", onnx)).stderr).toBe("");
  });

  it("says it of embeddings and of a validation too", async () => {
    const embedded = await runCli(["embed", at("sideways.jpg"), "--json"]);
    expect(embedded.stderr).toContain(note("1 image says that it lies on its"));
    await train("stored", "--no-exif");
    const weights = at("stored", "best.safetensors");
    const validated = await runCli(["validate", photos, "-w", weights, "--json"]);
    expect(validated.stderr).toContain(note("12 images say that they lie on their"));
  });
});

describe("a model that is trained here", () => {
  const best = at("run", "best.safetensors");
  let trained: CliRun;
  beforeAll(async () => {
    trained = await train("run");
  });

  it("turns photographs upright then and ever after, by what its files say", async () => {
    expect(trained).toMatchObject({ code: 0, stderr: "" });
    expect((await openModel(best)).description.preprocessing.exifOrientation).toBe(true);
    expect(readFileSync(at("run", "recipe.yaml"), "utf8")).toContain("\nexif: true\n");
    const sideways = await classify(at("sideways.jpg"), "-w", best);
    expect(answers(sideways)).toEqual(answers(await classify(at("upright.png"), "-w", best)));
    expect(sideways.stderr).toBe("");
    const info = await runCli(["info", best]);
    expect(info.stdout).toContain("turned upright as their EXIF orientation says");
  });

  it("goes on so in a file that is exported of it, and in a head that is trained on it", async () => {
    const onnx = at("exported.onnx");
    await runCli(["export", "-w", best, "-o", onnx]);
    const [[label, probability]] = answers(await classify(at("sideways.jpg"), "-w", onnx)) as [
      [string, number],
    ];
    const [[own, of]] = answers(await classify(at("upright.png"), "-w", best)) as [[string, number]];
    expect(label).toBe(own);
    expect(probability).toBeCloseTo(of, 5);
    await runCli(["train", photos, "-w", best, "--mode", "head", "-o", at("head")]);
    const { description } = await openModel(at("head", "best.safetensors"));
    expect(description.preprocessing.exifOrientation).toBe(true);
  });

  it("keeps another choice too", async () => {
    const { description } = await openModel(at("stored", "best.safetensors"));
    expect(description.preprocessing).not.toHaveProperty("exifOrientation");
    expect(readFileSync(at("stored", "recipe.yaml"), "utf8")).toContain("\nexif: false\n");
  });

  it("does not lose it in a resumed run", async () => {
    const refused = await train("run", "--resume", "--no-exif");
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("exif: true when it began, false now");
    expect(await train("run", "--resume")).toMatchObject({ code: 0, stderr: "" });
  });
});

it("goes on with a run of an earlier version, whose files say nothing of it, as it began", async () => {
  await train("old", "--no-exif");
  for (const file of ["last.safetensors", "best.safetensors"]) {
    changeMetadata(at("old", file), "ssl-resnext-training", (record) => {
      const { exif: _, ...recipe } = record["recipe"] as Record<string, unknown>;
      return { ...record, recipe };
    });
  }
  expect(await train("old", "--resume")).toMatchObject({ code: 0, stderr: "" });
  const refused = await train("old", "--resume", "--exif");
  expect(refused.stderr).toContain("exif: false when it began, true now");
});

it("refuses what earlier versions took for it in the library", async () => {
  const model = await createModel("ssl_resnext17_cifar10", {
    decode: { exifOrientation: true } as object,
  });
  await expect(model.classify(at("sideways.jpg"))).rejects.toMatchObject({ code: "usage/decode" });
  await model.release();
});
