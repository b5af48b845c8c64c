import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import { decodeImage } from "../../src/node/images/decode-image.ts";
import {
  codeOf,
  decodeCases,
  decodeSuite,
  expectPillow,
  fileOf,
  named,
  retagged,
  type DecodeCase,
} from "../contract/decode.ts";
import { referenceMissing, runReference } from "../support/reference.ts";
import { sha256 } from "../support/sha256.ts";

interface Cases {
  readonly cases: readonly DecodeCase[];
}

decodeSuite(decodeImage);

it("decodeImage reads AVIF", async () => {
  const rgb = await decodeImage(named("png rgb"));
  const raw = { width: rgb.width, height: rgb.height, channels: 3 } as const;
  const avif = await sharp(rgb.data, { raw }).avif({ lossless: true, chromaSubsampling: "4:4:4" }).toBuffer();
  const decoded = await decodeImage(avif);
  const furthest = decoded.data
    .map((byte, i) => Math.abs(byte - rgb.data[i]!))
    .toSorted()
    .at(-1)!;
  expect([decoded.width, decoded.height]).toEqual([rgb.width, rgb.height]);
  // The conversion to YCbCr and back is rounded.
  expect(furthest).toBeLessThanOrEqual(3);
  // Some programs name AVIF among the compatible brands only, and first what it has in common with HEIC.
  const general = Buffer.from(avif);
  general.write("mif1", 8, "latin1");
  expect(general.subarray(16, 40).toString("latin1")).toContain("avif");
  expect((await decodeImage(general)).data).toEqual(decoded.data);
});

it("decodeImage refuses a TIFF of Lab", async () => {
  expect(await codeOf(decodeImage, retagged(named("tiff rgb raw"), 262, 8))).toBe("image/corrupt");
});

const missing = referenceMissing("PIL", "numpy");

describe.skipIf(missing)(`decodeImage beside Pillow${missing ? ` (skipped: ${missing})` : ""}`, () => {
  it.each([
    [2, 131, 77],
    [3, 1, 1],
    [4, 64, 3],
  ])("gives the same on images made with seed %i, %i x %i", async (seed, width, height) => {
    const { cases } = runReference("odd_images.py", [`${seed}`, `${width}`, `${height}`]) as Cases;
    expect(cases.length).toBe(decodeCases.length);
    for (const found of cases) await expectPillow(decodeImage, found);
  });

  it("gives the same on damaged files that Pillow still decodes", async () => {
    const folder = mkdtempSync(join(tmpdir(), "damaged-"));
    try {
      const random = seededRandom(5);
      for (const found of decodeCases.filter(({ name }) => /^(jpeg|png|webp|bmp|pnm)/.test(name))) {
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
        const refused = name.startsWith("png") && (await codeOf(decodeImage, bytes)) === "image/corrupt";
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
