import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import { defaultMixing, mixBatch, mixingSchema, writeTarget } from "../../src/data/index.ts";
import {
  applyMixing,
  drawMixing,
  symmetricBeta,
  type MixableBatch,
  type Mixing,
} from "../../src/data/mixing.ts";
import { referenceMissing, runReference } from "../support/reference.ts";
import { sha256 } from "../support/sha256.ts";
import { mean, variance } from "./moments.ts";

/** The batch that test/reference/mixing.py makes. */
function batchOf(dims: MixableBatch["dims"], classes: number, smoothing: number): MixableBatch {
  const count = dims[0] * dims[1] * dims[2] * dims[3];
  const images = Float32Array.from({ length: count }, (_, i) =>
    Math.fround(Math.fround(((i * 7919) % 1009) / 1009) - 0.5),
  );
  const targets = new Float32Array(dims[0] * classes);
  for (let n = 0; n < dims[0]; n++) writeTarget((3 * n) % classes, classes, smoothing, targets, n * classes);
  return { images, dims, targets };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const cases = [
  { dims: [4, 3, 9, 7], classes: 10, lambda: 0.3141, smoothing: 0.1, box: null },
  { dims: [5, 1, 4, 4], classes: 3, lambda: 0.875, smoothing: 0, box: null },
  { dims: [2, 3, 8, 8], classes: 7, lambda: 1 - 15 / 64, smoothing: 0.1, box: [2, 7, 0, 3] },
  { dims: [6, 3, 5, 6], classes: 4, lambda: 0, smoothing: 0.2, box: [0, 5, 0, 6] },
  { dims: [3, 2, 5, 6], classes: 4, lambda: 1, smoothing: 0, box: [2, 2, 3, 3] },
] as const;

const missing = referenceMissing("torch");

describe.skipIf(missing)(`mixing, bit for bit as PyTorch's${missing ? ` (${missing})` : ""}`, () => {
  it("agrees for mixup and cutmix", () => {
    const expected = runReference("mixing.py", [JSON.stringify(cases)]);
    const found = cases.map(({ dims, classes, lambda, smoothing, box }) => {
      const batch = batchOf(dims, classes, smoothing);
      const mixing: Mixing = box
        ? { lambda, box: { top: box[0], bottom: box[1], left: box[2], right: box[3] } }
        : { lambda };
      applyMixing(batch, mixing);
      return { images: sha256(bytesOf(batch.images)), targets: sha256(bytesOf(batch.targets)) };
    });
    expect(found).toEqual(expected);
  });
});

const draws = 4000;

describe("symmetricBeta", () => {
  it.each([0.01, 0.2, 0.4, 1, 3])("has mean and variance of Beta(%d, %d)", (alpha) => {
    const random = seededRandom(7);
    const values = Array.from({ length: draws }, () => symmetricBeta(alpha, random));
    expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(mean(values)).toBeCloseTo(0.5, 1);
    expect(variance(values) * 4 * (2 * alpha + 1)).toBeCloseTo(1, 1);
  });
});

describe("drawMixing", () => {
  const draw = (options: Partial<typeof defaultMixing>): (Mixing | undefined)[] => {
    const random = seededRandom(11);
    return Array.from({ length: draws }, () => drawMixing(64, 48, { ...defaultMixing, ...options }, random));
  };
  const share = (found: readonly unknown[]): number => found.length / draws;

  it("mixes nothing by default", () => {
    expect(draw({}).every((mixing) => mixing === undefined)).toBe(true);
  });

  it("mixes as often as it is asked to, and switches to cutmix", () => {
    const found = draw({ mixup: 0.2, cutmix: 1, mixupProb: 0.8, mixupSwitchProb: 0.25 });
    expect(share(found.filter((mixing) => mixing))).toBeCloseTo(0.8, 1);
    expect(share(found.filter((mixing) => mixing?.box))).toBeCloseTo(0.2, 1);
  });

  it("uses cutmix alone when mixup is off", () => {
    expect(draw({ cutmix: 1 }).every((mixing) => mixing?.box)).toBe(true);
  });

  it("corrects the share by the clipped area of the box", () => {
    for (const mixing of draw({ cutmix: 1 })) {
      const { top, bottom, left, right } = mixing!.box!;
      expect(top >= 0 && bottom <= 64 && left >= 0 && right <= 48).toBe(true);
      expect(mixing!.lambda).toBe(1 - ((bottom - top) * (right - left)) / (64 * 48));
    }
    // Without clipping the mean share of Beta(1, 1) would be 1/2.
    expect(mean(draw({ cutmix: 1 }).map((mixing) => mixing!.lambda))).toBeGreaterThan(0.55);
  });

  it("keeps the box within its bounds", () => {
    for (const mixing of draw({ cutmixMinmax: [0.25, 0.5] })) {
      const { top, bottom, left, right } = mixing!.box!;
      expect(bottom - top >= 16 && bottom - top < 32).toBe(true);
      expect(right - left >= 12 && right - left < 24).toBe(true);
      expect(bottom <= 64 && right <= 48).toBe(true);
    }
    expect(draw({ cutmixMinmax: [0, 1] }).every((mixing) => mixing!.box!.bottom <= 64)).toBe(true);
  });
});

describe("mixBatch", () => {
  it("keeps the sum of every target at 1, and depends on the seed alone", () => {
    const mixed = (seed: number): MixableBatch => {
      const batch = batchOf([6, 3, 8, 8], 5, 0.1);
      mixBatch(batch, { ...defaultMixing, mixup: 1, cutmix: 1 }, seededRandom(seed));
      return batch;
    };
    for (let seed = 0; seed < 20; seed++) {
      const { targets } = mixed(seed);
      for (let n = 0; n < 6; n++) {
        const sum = targets.subarray(n * 5, (n + 1) * 5).reduce((total, value) => total + value, 0);
        expect(sum).toBeCloseTo(1, 5);
      }
      expect(mixed(seed)).toEqual(mixed(seed));
    }
  });
});

describe("mixingSchema", () => {
  it.each([{ mixup: -1 }, { cutmixMinmax: [0.5, 0.2] }, { smoothing: 1 }, { mixupProb: 2 }, { alpha: 1 }])(
    "refuses %j",
    (options) => expect(mixingSchema.safeParse(options).success).toBe(false),
  );
});
