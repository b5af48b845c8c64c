import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  evalCrop,
  imagenetPreprocessing,
  normalise,
  resize,
  type Interpolation,
  type Preprocessing,
  type RgbImage,
} from "../../src/image/index.ts";
import { decodeImage } from "../../src/node/images/decode-image.ts";
import { referenceMissing, runReference } from "../support/reference.ts";
import { sha256 } from "../support/sha256.ts";
import { noise } from "./noise.ts";

interface Crop {
  readonly inputSize: number;
  readonly cropPct: number;
  readonly interpolation: "bilinear" | "bicubic";
  readonly crop: string;
  readonly tensor: string;
}

interface Golden {
  readonly crops: readonly (Crop & { readonly width: number; readonly height: number })[];
  readonly resizes: readonly {
    readonly from: readonly [number, number];
    readonly to: readonly [number, number];
    readonly interpolation: Interpolation;
    readonly rgb: string;
  }[];
}

interface Photos {
  readonly crops: readonly (Crop & { readonly name: string; readonly rgb: string })[];
}

/** Origin: test/reference/crops.py. */
const golden = JSON.parse(readFileSync(new URL("golden/crops.json", import.meta.url), "utf8")) as Golden;

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

function hashes(image: RgbImage, { inputSize, cropPct, interpolation }: Crop): Pick<Crop, "crop" | "tensor"> {
  const preprocessing: Preprocessing = { ...imagenetPreprocessing, inputSize, cropPct, interpolation };
  const crop = evalCrop(image, preprocessing);
  expect([crop.width, crop.height]).toEqual([inputSize, inputSize]);
  const tensor = new Float32Array(3 * inputSize * inputSize);
  normalise(crop, preprocessing, tensor);
  return { crop: sha256(crop.data), tensor: sha256(new Uint8Array(tensor.buffer)) };
}

describe("evalCrop and normalise equal torchvision's transforms on made images", () => {
  const bySize = groupBy(golden.crops, ({ width, height }) => `${width} x ${height}`);
  it.each([...bySize])("%s", (_, crops) => {
    const image = noise(crops[0]!.width, crops[0]!.height);
    for (const expected of crops) expect({ ...expected, ...hashes(image, expected) }).toEqual(expected);
  });
});

describe("resize equals Pillow's", () => {
  it.each(golden.resizes)("$interpolation from $from to $to", ({ from, to, interpolation, rgb }) => {
    const resized = resize(noise(...from), { width: to[0], height: to[1] }, interpolation);
    expect(sha256(resized.data)).toBe(rgb);
  });
});

const photos = new URL("../../../shared/data/photos/", import.meta.url).pathname;
const missing = photosMissing() ?? referenceMissing("PIL", "torchvision");

function photosMissing(): string | undefined {
  try {
    return readdirSync(photos).length > 0 ? undefined : "no photographs";
  } catch {
    return "the folder of photographs is absent";
  }
}

describe.skipIf(missing)(`photographs${missing ? ` (skipped: ${missing})` : ""}`, () => {
  it("decode, crop and normalise as Pillow and torchvision do, byte for byte", async () => {
    const { crops } = runReference("crops.py", [photos]) as Photos;
    expect(crops.length).toBeGreaterThan(0);
    for (const [name, expected] of groupBy(crops, (crop) => crop.name)) {
      const image = await decodeImage(readFileSync(photos + name));
      expect({ name, rgb: sha256(image.data) }).toEqual({ name, rgb: expected[0]!.rgb });
      for (const { crop, tensor, ...setting } of expected) {
        const found = { name, ...hashes(image, { crop, tensor, ...setting }) };
        expect(found).toEqual({ name, crop, tensor });
      }
    }
  });
});
