import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeOptionsOf } from "../../src/image/index.ts";
import { decodeImage } from "../../src/node/images/decode-image.ts";
import { createModel } from "../../src/node/library.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const photo = join(folder, "photos", "photo.jpg");
const [width, height] = [1203, 902];

/** Waves that are long against the scales of the decoder: each scale shows the same picture. */
const waves = sharp(
  Uint8Array.from({ length: width * height * 3 }, (_, at) => {
    const pixel = Math.floor(at / 3);
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    return 128 + 60 * Math.sin(x / 90 + (at % 3)) + 60 * Math.cos(y / 70);
  }),
  { raw: { width, height, channels: 3 } },
);

let jpeg: Buffer;
beforeAll(async () => {
  jpeg = await waves.clone().jpeg({ quality: 95 }).toBuffer();
  mkdirSync(join(folder, "photos"));
  writeFileSync(photo, jpeg);
});

const sizeOf = async (bytes: Uint8Array, shortestSide: number, exifOrientation = false): Promise<string> => {
  const image = await decodeImage(bytes, { shortestSide, exifOrientation });
  return `${image.width}x${image.height}`;
};

describe("a JPEG that is decoded fast", () => {
  it.each([
    [903, "1203x902"],
    [451, "601x451"],
    [226, "601x451"],
    [225, "300x225"],
    [112, "150x112"],
    [10, "150x112"],
  ])("comes at the smallest scale that keeps %i pixels", async (shortestSide, size) => {
    expect(await sizeOf(jpeg, shortestSide)).toBe(size);
  });

  it("is turned as it is otherwise", async () => {
    const onSide = await waves.clone().withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect(await sizeOf(onSide, 112)).toBe("150x112");
    expect(await sizeOf(onSide, 112, true)).toBe("112x150");
  });

  it("shows the same picture", async () => {
    const fast = await decodeImage(jpeg, { shortestSide: 112 });
    const exact = await decodeImage(jpeg);
    const reduced = await sharp(exact.data, { raw: { width, height, channels: 3 } })
      .resize(fast.width, fast.height, { fit: "fill" })
      .raw()
      .toBuffer();
    const errors = reduced.map((value, at) => Math.abs(value - fast.data[at]!));
    expect(Math.max(...errors)).toBeLessThanOrEqual(6);
  });

  it("is what other formats never are", async () => {
    expect(await sizeOf(await waves.clone().png().toBuffer(), 10)).toBe(`${width}x${height}`);
  });
});

describe("the mode of decoding", () => {
  const preprocessing = { inputSize: 224, cropPct: 0.875 };

  it("takes the side from what the model resizes to", () => {
    expect(decodeOptionsOf(preprocessing, { mode: "fast" })).toMatchObject({ shortestSide: 256 });
    expect(decodeOptionsOf(preprocessing, {})).not.toHaveProperty("shortestSide");
    expect(() => decodeOptionsOf(preprocessing, { mode: "quick" as "fast" })).toThrow("exact or fast");
  });

  it("changes little of what a model says", async () => {
    const logitsOf = async (mode: "exact" | "fast"): Promise<Float32Array> => {
      const model = await createModel("ssl_resnext17_cifar10", { decode: { mode } });
      const embedding = await model.embed(photo, { normalize: "l2" });
      await model.release();
      return embedding;
    };
    const [fast, exact] = [await logitsOf("fast"), await logitsOf("exact")];
    const cosine = fast.reduce((sum, value, i) => sum + value * exact[i]!, 0);
    expect(cosine).toBeGreaterThan(0.98);
    expect([...fast]).not.toEqual([...exact]);
  });

  it("is an option of the command line", async () => {
    const { code, stderr } = await runCli(["classify", photo, "--decode", "fast"]);
    expect(`${code} ${stderr}`).toMatch(/^0/);
    expect((await runCli(["classify", photo, "--decode", "quick"])).stderr).toContain("exact, fast");
  });
});
