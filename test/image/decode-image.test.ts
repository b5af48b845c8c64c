import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { ImageError, seededRandom } from "../../src/core/index.ts";
import type { DecodeOptions } from "../../src/image/index.ts";
import { decodeImage } from "../../src/node/images/decode-image.ts";
import { referenceMissing, runReference } from "../support/reference.ts";
import { sha256 } from "../support/sha256.ts";

interface Case {
  readonly name: string;
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly rgb: string;
  readonly upright?: string;
}

interface Cases {
  readonly cases: readonly Case[];
}

/** Origin: test/reference/odd_images.py. */
const golden = JSON.parse(readFileSync(new URL("golden/odd-images.json", import.meta.url), "utf8")) as Cases;

const fileOf = ({ file }: Case): Uint8Array => new Uint8Array(Buffer.from(file, "base64"));
const named = (name: string): Uint8Array => fileOf(golden.cases.find((found) => found.name === name)!);

async function codeOf(bytes: Uint8Array, options?: DecodeOptions): Promise<string> {
  try {
    await decodeImage(bytes, options);
    return "decoded";
  } catch (error) {
    if (error instanceof ImageError) return error.code;
    throw error;
  }
}

async function expectPillow(expected: Case): Promise<void> {
  const bytes = fileOf(expected);
  const { width, height, data } = await decodeImage(bytes);
  expect({ ...expected, width, height, rgb: sha256(data) }).toEqual(expected);
  if (expected.upright) {
    const upright = await decodeImage(bytes, { exifOrientation: true });
    expect({ ...expected, upright: sha256(upright.data) }).toEqual(expected);
  }
}

describe("decodeImage equals Pillow's convert('RGB')", () => {
  it.each(golden.cases)("$name", expectPillow);

  it("reads AVIF", async () => {
    const rgb = await decodeImage(named("png rgb"));
    const raw = { width: rgb.width, height: rgb.height, channels: 3 } as const;
    const avif = await sharp(rgb.data, { raw })
      .avif({ lossless: true, chromaSubsampling: "4:4:4" })
      .toBuffer();
    const decoded = await decodeImage(avif);
    const furthest = decoded.data
      .map((byte, i) => Math.abs(byte - rgb.data[i]!))
      .toSorted()
      .at(-1)!;
    expect([decoded.width, decoded.height]).toEqual([rgb.width, rgb.height]);
    // The conversion to YCbCr and back is rounded.
    expect(furthest).toBeLessThanOrEqual(3);
  });
});

const missing = referenceMissing("PIL", "numpy");

describe.skipIf(missing)(`decodeImage beside Pillow${missing ? ` (skipped: ${missing})` : ""}`, () => {
  it.each([
    [2, 131, 77],
    [3, 1, 1],
    [4, 64, 3],
  ])("gives the same on images made with seed %i, %i x %i", async (seed, width, height) => {
    const { cases } = runReference("odd_images.py", [`${seed}`, `${width}`, `${height}`]) as Cases;
    expect(cases.length).toBe(golden.cases.length);
    for (const found of cases) await expectPillow(found);
  });

  it("gives the same on damaged files that Pillow still decodes", async () => {
    const folder = mkdtempSync(join(tmpdir(), "damaged-"));
    try {
      const random = seededRandom(5);
      for (const found of golden.cases.filter(({ name }) => /^(jpeg|png|webp|bmp|pnm)/.test(name))) {
        for (let round = 0; round < 6; round++) {
          const bytes = fileOf(found).slice();
          for (let i = 0; i <= round % 3; i++) bytes[random.integer(bytes.length)] = random.integer(256);
          writeFileSync(join(folder, `${found.name} ${round}`), bytes);
        }
      }
      const expected = runReference("decode.py", [folder]) as Readonly<Record<string, string | null>>;
      let compared = 0;
      for (const [name, rgb] of Object.entries(expected)) {
        const bytes = readFileSync(join(folder, name));
        // libpng checks more than Pillow: a checksum behind the pixels, for example.
        const refused = name.startsWith("png") && (await codeOf(bytes)) === "image/corrupt";
        if (rgb === null || refused) continue;
        const { data } = await decodeImage(bytes);
        expect({ name, rgb: sha256(data) }).toEqual({ name, rgb });
        compared++;
      }
      expect(compared).toBeGreaterThan(50);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("decodeImage refuses", () => {
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);

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
    ["TIFF of Lab", retagged(named("tiff rgb raw"), 262, 8), "image/corrupt"],
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
    expect(await codeOf(bytes)).toBe(code);
  });

  it.each(["jpeg rgb", "jpeg rgb, progressive", "png rgb", "webp lossy", "gif palette"])(
    "a truncated %s wherever it is cut",
    async (name) => {
      const whole = named(name);
      for (const part of [0.9, 0.7, 0.5, 0.2]) {
        const cut = whole.subarray(0, Math.floor(whole.length * part));
        expect({ part, code: await codeOf(cut) }).toEqual({ part, code: "image/truncated" });
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
    ]) {
      const smaller = await codeOf(named(name), { maxPixels: 13 * 9 - 1 });
      const same = await codeOf(named(name), { maxPixels: 13 * 9 });
      expect({ name, smaller, same }).toEqual({ name, smaller: "image/too-large", same: "decoded" });
    }
  });

  it("a decompression bomb with the default limit", async () => {
    const bomb = named("jpeg rgb").slice();
    const frame = bomb.findIndex((byte, i) => byte === 0xff && bomb[i + 1] === 0xc0);
    bomb.set([0xfe, 0xfe, 0xfe, 0xfe], frame + 5);
    expect(await codeOf(bomb)).toBe("image/too-large");
  });

  it("mutated files of every format with an ImageError or an image, never otherwise", async () => {
    const random = seededRandom(11);
    const codes = new Set<string>();
    for (const found of golden.cases) {
      for (let round = 0; round < 4; round++) {
        const bytes = fileOf(found).slice();
        const reach = round % 2 ? bytes.length : Math.min(bytes.length, 40);
        for (let i = 0; i <= round; i++) bytes[random.integer(reach)] = random.integer(256);
        codes.add(await codeOf(bytes, { maxPixels: 1e6 }));
      }
    }
    expect(codes).toContain("decoded");
    expect(codes).toContain("image/corrupt");
  });
});

function set(bytes: Uint8Array, at: number, value: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? value : byte));
}

/** Another value for a tag of a little-endian TIFF. */
function retagged(tiff: Uint8Array, tag: number, value: number): Uint8Array {
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
