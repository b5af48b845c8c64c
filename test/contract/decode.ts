import { describe, expect, it } from "vitest";
import { seededRandom, type ImageError } from "../../src/core/index.ts";
import type { DecodeImage, DecodeOptions } from "../../src/image/index.ts";
import golden from "../image/golden/odd-images.json" with { type: "json" };

/** An image, and what Pillow decodes it to. Origin: test/reference/odd_images.py. */
export interface DecodeCase {
  readonly name: string;
  /** In base64. */
  readonly file: string;
  readonly width: number;
  readonly height: number;
  /** SHA-256 of the bytes. */
  readonly rgb: string;
  /** The same, turned as EXIF says. */
  readonly upright?: string;
}

export const decodeCases: readonly DecodeCase[] = golden.cases;

export const fileOf = ({ file }: DecodeCase): Uint8Array =>
  Uint8Array.from(atob(file), (character) => character.charCodeAt(0));

export const named = (name: string): Uint8Array => fileOf(decodeCases.find((found) => found.name === name)!);

async function sha256(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice()));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The code of the ImageError that a decoder rejects with, or "decoded". */
export async function codeOf(
  decodeImage: DecodeImage,
  bytes: Uint8Array,
  options?: DecodeOptions,
): Promise<string> {
  try {
    await decodeImage(bytes, options);
    return "decoded";
  } catch (error) {
    if (isImageError(error)) return error.code;
    throw error;
  }
}

/** By name: the suite's own class is another one than that of a built package. */
const isImageError = (error: unknown): error is ImageError =>
  error instanceof Error && error.name === "ImageError" && "code" in error;

/** Checks that a decoder gives what Pillow does, turned and not. */
export async function expectPillow(decodeImage: DecodeImage, expected: DecodeCase): Promise<void> {
  const bytes = fileOf(expected);
  const { width, height, data } = await decodeImage(bytes);
  expect({ ...expected, width, height, rgb: await sha256(data) }).toEqual(expected);
  if (expected.upright) {
    const upright = await decodeImage(bytes, { exifOrientation: true });
    expect({ ...expected, upright: await sha256(upright.data) }).toEqual(expected);
  }
}

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

/**
 * What every `DecodeImage` does: the bytes of Pillow's `convert("RGB")`, or a stable code.
 *
 * @param unsupported Cases that this platform refuses with `image/unsupported-format`, by their names.
 */
export function decodeSuite(
  decodeImage: DecodeImage,
  { unsupported = /^$/ }: { readonly unsupported?: RegExp } = {},
): void {
  describe("decodeImage equals Pillow's convert('RGB')", () => {
    it.each(decodeCases)("$name", async (found) => {
      if (!unsupported.test(found.name)) return expectPillow(decodeImage, found);
      expect(await codeOf(decodeImage, fileOf(found))).toBe("image/unsupported-format");
    });
  });

  describe("decodeImage refuses", () => {
    it.each([
      ["no bytes", new Uint8Array(), "image/empty"],
      ["text", text("hello, this is no image"), "image/unknown-format"],
      ["zeros", new Uint8Array(1000), "image/unknown-format"],
      ["one byte", text("B"), "image/unknown-format"],
      [
        "SVG",
        text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
        "image/unsupported-format",
      ],
      ["SVG after a declaration", text('\n<?xml version="1.0"?>\n<svg/>'), "image/unsupported-format"],
      ["PDF", text("%PDF-1.7\n"), "image/unsupported-format"],
      ["HEIC", text("\0\0\0\x18ftypheic\0\0\0\0mif1heic"), "image/unsupported-format"],
      ["JPEG 2000", text("\0\0\0\x0cjP  \r\n"), "image/unsupported-format"],
      ["TIFF of plain YCbCr", retagged(named("tiff rgb raw"), 262, 6), "image/unsupported-format"],
      ["a compressed BMP", set(named("bmp palette"), 30, 1), "image/unsupported-format"],
      ["a BMP without columns", set(named("bmp rgb"), 18, 0), "image/zero-sized"],
      ["a BMP's first rows", named("bmp rgb").subarray(0, 200), "image/truncated"],
      ["a PGM of 16 bits", text("P5 2 2 65535\nabcdefgh"), "image/unsupported-format"],
      ["a PPM in text", text("P3 1 1 255 1 2 3"), "image/unsupported-format"],
      ["a PPM without numbers", text("P6 no numbers"), "image/corrupt"],
      ["a PPM of no rows", text("P6 4 0 255\n"), "image/zero-sized"],
      ["a PPM's first rows", text("P6 # comment\n 4 4 255\nabc"), "image/truncated"],
      ["a JPEG's first bytes", named("jpeg rgb").subarray(0, 20), "image/truncated"],
      ["a JPEG with a zero height", zeroHeight(named("jpeg rgb")), "image/corrupt"],
      ["a PNG with a wrong checksum", flipped(named("png rgb"), 60), "image/corrupt"],
    ])("%s", async (_, bytes, code) => {
      expect(await codeOf(decodeImage, bytes)).toBe(code);
    });

    it.each(["jpeg rgb", "jpeg rgb, progressive", "png rgb", "webp lossy", "gif palette"])(
      "a truncated %s wherever it is cut",
      async (name) => {
        const whole = named(name);
        for (const part of [0.9, 0.7, 0.5, 0.2]) {
          const cut = whole.subarray(0, Math.floor(whole.length * part));
          expect({ part, code: await codeOf(decodeImage, cut) }).toEqual({ part, code: "image/truncated" });
        }
      },
    );

    it("more pixels than allowed, before it decodes them", async () => {
      for (const name of [
        "jpeg rgb",
        "jpeg cmyk",
        "png rgb",
        "png 16-bit grey",
        "webp lossy",
        "gif palette",
        "tiff rgb raw",
        "bmp rgb",
        "pnm rgb",
      ].filter((each) => !unsupported.test(each))) {
        const smaller = await codeOf(decodeImage, named(name), { maxPixels: 13 * 9 - 1 });
        const same = await codeOf(decodeImage, named(name), { maxPixels: 13 * 9 });
        expect({ name, smaller, same }).toEqual({ name, smaller: "image/too-large", same: "decoded" });
      }
    });

    it("a decompression bomb with the default limit", async () => {
      const bomb = named("jpeg rgb").slice();
      const frame = bomb.findIndex((byte, i) => byte === 0xff && bomb[i + 1] === 0xc0);
      bomb.set([0xfe, 0xfe, 0xfe, 0xfe], frame + 5);
      expect(await codeOf(decodeImage, bomb)).toBe("image/too-large");
    });

    it("mutated files of every format with an ImageError or an image, never otherwise", async () => {
      const random = seededRandom(11);
      const codes = new Set<string>();
      for (const found of decodeCases) {
        for (let round = 0; round < 4; round++) {
          const bytes = fileOf(found).slice();
          const reach = round % 2 ? bytes.length : Math.min(bytes.length, 40);
          for (let i = 0; i <= round; i++) bytes[random.integer(reach)] = random.integer(256);
          codes.add(await codeOf(decodeImage, bytes, { maxPixels: 1e6 }));
        }
      }
      expect(codes).toContain("decoded");
      expect(codes).toContain("image/corrupt");
    });
  });
}

function set(bytes: Uint8Array, at: number, value: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? value : byte));
}

/** Another value for a tag of a little-endian TIFF. */
export function retagged(tiff: Uint8Array, tag: number, value: number): Uint8Array {
  const view = new DataView(tiff.buffer, tiff.byteOffset);
  let entry = view.getUint32(4, true) + 2;
  while (view.getUint16(entry, true) !== tag) entry += 12;
  return set(tiff, entry + 8, value);
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? byte ^ 0xff : byte));
}

function zeroHeight(jpeg: Uint8Array): Uint8Array {
  const frame = jpeg.findIndex((byte, i) => byte === 0xff && jpeg[i + 1] === 0xc0);
  return jpeg.map((byte, i) => (i === frame + 5 || i === frame + 6 ? 0 : byte));
}
