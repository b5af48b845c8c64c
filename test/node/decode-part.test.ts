import { existsSync, readdirSync, readFileSync } from "node:fs";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { ImageError, seededRandom, type Random } from "../../src/core/index.ts";
import { crop } from "../../src/image/augment/geometric-transforms.ts";
import type { DecodeOptions, RgbImage, Size, Window } from "../../src/image/index.ts";
import { decodeImage, decodePart } from "../../src/node/images/decode-image.ts";
import { noise } from "../image/noise.ts";
import { sha256 } from "../support/sha256.ts";

interface Case {
  readonly name: string;
  readonly file: string;
}
/** Origin: test/reference/odd_images.py. */
const { cases } = JSON.parse(
  readFileSync(new URL("../image/golden/odd-images.json", import.meta.url), "utf8"),
) as { readonly cases: readonly Case[] };
const fileOf = ({ file }: Case): Uint8Array => new Uint8Array(Buffer.from(file, "base64"));

const photos = new URL("../../../shared/data/photos/", import.meta.url).pathname;

function anyWindow({ width, height }: Size, random: Random): Window {
  const left = random.integer(width);
  const top = random.integer(height);
  return { left, top, width: 1 + random.integer(width - left), height: 1 + random.integer(height - top) };
}

/** What decoding gives: pixels, or the code of the error. */
async function outcome(decoding: Promise<RgbImage>): Promise<RgbImage | string> {
  try {
    return await decoding;
  } catch (error) {
    if (error instanceof ImageError) return error.code;
    throw error;
  }
}

/** A random part, decoded alone and cut out of the whole. */
async function bothWays(
  bytes: Uint8Array,
  random: Random,
  options?: DecodeOptions,
): Promise<readonly [alone: object, cut: object]> {
  const whole = await decodeImage(bytes, options);
  let window: Window | undefined;
  const alone = await decodePart(bytes, (size) => (window = anyWindow(size, random)), options);
  const short = ({ width, height, data }: RgbImage): object => ({ width, height, rgb: sha256(data) });
  return [short(alone), short(crop(whole, window!))];
}

describe("decodePart equals that part of the whole image", () => {
  it.each(cases)("$name", async (found) => {
    const random = seededRandom(1);
    for (let round = 0; round < 5; round++) {
      for (const options of [{}, { exifOrientation: true }]) {
        const [alone, cut] = await bothWays(fileOf(found), random, options);
        expect(alone).toEqual(cut);
      }
    }
  });

  it.skipIf(!existsSync(photos))("of photographs", { timeout: 60_000 }, async () => {
    const random = seededRandom(2);
    for (const file of readdirSync(photos)) {
      const [alone, cut] = await bothWays(readFileSync(photos + file), random);
      expect({ file, ...alone }).toEqual({ file, ...cut });
    }
  });

  it("of damaged JPEG files, errors included", async () => {
    const random = seededRandom(3);
    let compared = 0;
    let refused = 0;
    for (const found of cases.filter(({ name }) => name.startsWith("jpeg"))) {
      for (let round = 0; round < 20; round++) {
        const bytes = fileOf(found).slice();
        for (let i = 0; i <= round % 3; i++) bytes[random.integer(bytes.length)] = random.integer(256);
        const whole = await outcome(decodeImage(bytes, { maxPixels: 1e6 }));
        if (typeof whole === "string") {
          const part = decodePart(bytes, (size) => anyWindow(size, random), { maxPixels: 1e6 });
          expect(await outcome(part)).toBe(whole);
          refused++;
        } else {
          const [alone, cut] = await bothWays(bytes, random, { maxPixels: 1e6 });
          expect(alone).toEqual(cut);
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(30);
    expect(refused).toBeGreaterThan(10);
  });
});

describe("decodePart of a JPEG", () => {
  const top = ({ width }: Size): Window => ({ left: 0, top: 0, width, height: 16 });
  const tall = async (): Promise<Buffer> => {
    const { width, height, data } = noise(32, 2048);
    return sharp(data, { raw: { width, height, channels: 3 } })
      .jpeg()
      .toBuffer();
  };

  it("refuses what ends too early, whichever part is wanted", async () => {
    const bytes = await tall();
    expect(await outcome(decodePart(bytes, top))).toHaveProperty("height", 16);
    expect(await outcome(decodePart(bytes.subarray(0, bytes.length - 50), top))).toBe("image/truncated");
  });

  it("refuses more pixels than allowed", async () => {
    const bytes = await tall();
    expect(await outcome(decodePart(bytes, top, { maxPixels: 32 * 2048 - 1 }))).toBe("image/too-large");
  });
});
