import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import { imagenetPreprocessing } from "../../src/image/index.ts";
import { nodeSemiPlatform } from "../../src/node/semi.ts";
import { frequencyModel } from "../../src/semi/score/teacher.ts";
import { perceptualHash } from "../../src/semi/index.ts";
import { collect } from "../data/collect.ts";

const size = 64;
const preprocessing = { ...imagenetPreprocessing, inputSize: size, cropPct: 1 };
const model = await frequencyModel(nodeSemiPlatform, preprocessing, {
  device: "cpu",
});
afterAll(() => model.release());

async function frequenciesOf(images: readonly Buffer[]): Promise<readonly Float32Array[]> {
  const source = {
    size: images.length,
    async *[Symbol.asyncIterator]() {
      for (const [index, bytes] of images.entries()) {
        yield { id: `${index}`, content: { bytes: new Uint8Array(bytes) } };
      }
    },
  };
  const results = await collect(model.run(["frequencies"], source));
  return results.map((result) => {
    if ("error" in result) throw result.error;
    return result.outputs["frequencies"]!.data;
  });
}

const hashesOf = async (images: readonly Buffer[]): Promise<readonly bigint[]> =>
  (await frequenciesOf(images)).map(perceptualHash);

function distance(a: bigint, b: bigint): number {
  return BigInt.asUintN(64, a ^ b)
    .toString(2)
    .replaceAll("0", "").length;
}

/** A drawn picture: ellipses and bars in random places and colours, 320x240. */
function picture(seed: number): Promise<Buffer> {
  const random = seededRandom(seed);
  const number = (most: number): number => Math.round(most * random.uniform());
  const colour = (): string => `rgb(${number(255)},${number(255)},${number(255)})`;
  const shapes = Array.from({ length: 12 }, (_, index) =>
    index % 2 === 0
      ? `<ellipse cx="${number(320)}" cy="${number(240)}" rx="${20 + number(70)}" ry="${20 + number(70)}" fill="${colour()}"/>`
      : `<rect x="${number(300)}" y="${number(220)}" width="${20 + number(120)}" height="${20 + number(90)}" fill="${colour()}"/>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="240"><rect width="320" height="240" fill="${colour()}"/>${shapes.join("")}</svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
}

/** The same picture as other people would have saved it. */
const copies: Readonly<Record<string, (image: Buffer) => Promise<Buffer>>> = {
  resized: (image) => sharp(image).resize({ width: 160 }).png().toBuffer(),
  recompressed: (image) => sharp(image).jpeg({ quality: 40 }).toBuffer(),
  brightened: (image) => sharp(image).linear(0.8, 40).png().toBuffer(),
};

const photos = fileURLToPath(new URL("../../../shared/data/photos", import.meta.url));

async function photographs(): Promise<readonly Buffer[]> {
  const names = readdirSync(photos).filter((name) => /\.jpe?g$/i.test(name));
  return Promise.all(
    names.slice(0, 12).map((name) => sharp(join(photos, name)).resize(640).png().toBuffer()),
  );
}

describe.each([
  ["drawn pictures", true, () => Promise.all(Array.from({ length: 12 }, (_, seed) => picture(seed)))],
  ["photographs", existsSync(photos), photographs],
] as const)("the hash of %s", (_, there, open) => {
  it.skipIf(!there)("differs in few bits between copies, and in about half between pictures", async () => {
    const images = await open();
    const originals = await hashesOf(images);
    for (const [name, copy] of Object.entries(copies)) {
      const hashes = await hashesOf(await Promise.all(images.map(copy)));
      const distances = hashes.map((hash, index) => distance(hash, originals[index]!));
      expect({ name, far: distances.filter((bits) => bits > 6) }).toEqual({ name, far: [] });
    }
    const others = originals.flatMap((a, i) => originals.slice(i + 1).map((b) => distance(a, b)));
    expect(Math.min(...others)).toBeGreaterThan(12);
    const mean = others.reduce((a, b) => a + b) / others.length;
    expect(mean).toBeGreaterThan(26);
    expect(mean).toBeLessThan(38);
  });
});

it("is made of the cosine transform of the luminance", async () => {
  // A picture of the model's own size passes the transform as it is.
  const random = seededRandom(3);
  const pixels = Uint8Array.from({ length: size * size * 3 }, () => random.integer(256));
  const png = await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toBuffer();
  const [found] = await frequenciesOf([png]);
  const { mean, std } = preprocessing;
  const luma = (x: number, y: number): number =>
    [0.299, 0.587, 0.114].reduce(
      (sum, weight, channel) =>
        sum + (weight * (pixels[3 * (y * size + x) + channel]! / 255 - mean[channel]!)) / std[channel]!,
      0,
    );
  const wave = (k: number, at: number): number =>
    (2 / size) * Math.cos(((k + 1) * (at + 0.5) * Math.PI) / size);
  for (const [row, column] of [
    [0, 0],
    [0, 7],
    [3, 2],
    [7, 7],
  ] as const) {
    let expected = 0;
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) expected += luma(x, y) * wave(row, y) * wave(column, x);
    expect(found![row * 8 + column]).toBeCloseTo(expected, 4);
  }
});

it("sets a bit for each frequency above the median, the first of them highest", () => {
  const frequencies = Float32Array.from({ length: 64 }, (_, i) => (i < 32 ? 1 : -1));
  expect(BigInt.asUintN(64, perceptualHash(frequencies))).toBe(0xffffffff00000000n);
});
