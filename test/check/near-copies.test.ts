import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp, { type Sharp } from "sharp";
import { describe, expect, it } from "vitest";
import { nearCopies } from "../../src/check/copies/near-copies.ts";
import { describeImage, greySide } from "../../src/image/describe-image.ts";
import { decodeImage } from "../../src/node/images/decode-image.ts";

const photos = fileURLToPath(new URL("../../../shared/data/photos", import.meta.url));

/** Pairs that are found among encoded pictures, as "first second" with the smaller number first. */
async function pairsOf(files: readonly Uint8Array[]): Promise<ReadonlySet<string>> {
  const pictures = new Uint8Array(files.length * greySide * greySide);
  for (const [at, bytes] of files.entries()) {
    pictures.set(describeImage(bytes, await decodeImage(bytes), false).grey, at * greySide * greySide);
  }
  const found = [...nearCopies(pictures, files.length)].flatMap((copy) => copy ?? []);
  return new Set(found.map(({ first, second }) => `${Math.min(first, second)} ${Math.max(first, second)}`));
}

type Change = (image: Sharp, width: number, height: number) => Sharp;

const changes: Readonly<Record<string, Change>> = {
  "compressed again": (image) => image.jpeg({ quality: 40 }),
  "half as large": (image, width, height) => image.resize(Math.round(width / 2), Math.round(height / 2)),
  "squeezed to a square": (image) => image.resize(160, 160, { fit: "fill" }),
  mirrored: (image) => image.flop(),
  brighter: (image) => image.linear(1.25, 20),
  darker: (image) => image.linear(0.6, 0),
  "without 5 % at the left and the top": (image, width, height) =>
    image.extract({
      left: Math.round(0.05 * width),
      top: Math.round(0.05 * height),
      width: width - Math.round(0.05 * width),
      height: height - Math.round(0.05 * height),
    }),
  "without 5 % at the right, mirrored": (image, width, height) =>
    image.extract({ left: 0, top: 0, width: width - Math.round(0.05 * width), height }).flop(),
  grey: (image) => image.greyscale(),
};

describe.skipIf(!existsSync(photos))("copies of photographs (skipped without ../shared/data)", () => {
  const names = existsSync(photos) ? readdirSync(photos).slice(0, 24) : [];
  const originals = names.map((name) => new Uint8Array(readFileSync(join(photos, name))));

  it("finds none where there are none", async () => {
    expect(await pairsOf(originals)).toEqual(new Set());
  });

  it.each(Object.entries(changes))("finds them %s, and nothing else", async (_, change) => {
    const copies = await Promise.all(
      originals.map(async (bytes) => {
        const { width, height } = await sharp(bytes).metadata();
        return new Uint8Array(await change(sharp(bytes), width, height).jpeg({ quality: 85 }).toBuffer());
      }),
    );
    const wanted = originals.map((_original, at) => `${at} ${at + originals.length}`);
    expect([...(await pairsOf([...originals, ...copies]))].sort()).toEqual(wanted.sort());
  });
});

describe("pictures without detail", () => {
  it("are no copies of each other", async () => {
    const plain = await Promise.all(
      [10, 128, 250].map(async (value) => {
        const background = { r: value, g: value, b: value };
        return new Uint8Array(
          await sharp({ create: { width: 40, height: 30, channels: 3, background } })
            .jpeg()
            .toBuffer(),
        );
      }),
    );
    expect(await pairsOf(plain)).toEqual(new Set());
  });
});
