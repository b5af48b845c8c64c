import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import { flipHorizontally } from "../../src/image/augment/geometric-transforms.ts";
import {
  blurKernelSize,
  drawColorJitter,
  drawErasing,
  drawGrayscale,
  gaussianBlur,
  happens,
  randomErasing,
  randomGaussianBlur,
  randomResizedCropWindow,
} from "../../src/image/augment/random-transforms.ts";
import { defaultAugmentation } from "../../src/image/index.ts";
import { noise } from "../image/noise.ts";
import { mean, variance } from "./moments.ts";

const draws = 4000;
const repeat = <T>(draw: (random: ReturnType<typeof seededRandom>) => T): T[] => {
  const random = seededRandom(1);
  return Array.from({ length: draws }, () => draw(random));
};

describe("randomResizedCropWindow", () => {
  it("keeps 8 to 100 % of the area, in shapes whose logarithm is uniform", () => {
    const size = { width: 1000, height: 1000 };
    const windows = repeat((random) => randomResizedCropWindow(size, defaultAugmentation, random));
    const shares = windows.map(({ width, height }) => (width * height) / 1e6);
    const shapes = windows.map(({ width, height }) => Math.log(width / height));
    expect(Math.min(...shares)).toBeGreaterThan(0.079);
    expect(Math.min(...shares)).toBeLessThan(0.1);
    expect(Math.max(...shares)).toBeGreaterThan(0.95);
    // Large shares with long shapes do not fit, so the mean lies a little below that of the uniform draw.
    expect(mean(shares)).toBeGreaterThan(0.47);
    expect(mean(shares)).toBeLessThan(0.54);
    expect(mean(shapes)).toBeCloseTo(0, 1);
    expect(Math.max(...shapes)).toBeLessThan(Math.log(4 / 3) + 0.01);
    expect(Math.min(...shapes)).toBeGreaterThan(Math.log(3 / 4) - 0.01);
    for (const { left, top, width, height } of windows) {
      expect(left >= 0 && top >= 0 && left + width <= 1000 && top + height <= 1000).toBe(true);
    }
  });

  it("takes the central part of the nearest shape when nothing fits", () => {
    const options = { scale: [1, 1], ratio: [3 / 4, 4 / 3] } as const;
    const random = seededRandom(2);
    expect(randomResizedCropWindow({ width: 900, height: 30 }, options, random)).toEqual({
      left: 430,
      top: 0,
      width: 40,
      height: 30,
    });
    expect(randomResizedCropWindow({ width: 30, height: 900 }, options, random)).toEqual({
      left: 0,
      top: 430,
      width: 30,
      height: 40,
    });
  });

  it("never leaves the image, however small", () => {
    const random = seededRandom(3);
    for (const width of [1, 2, 3, 100]) {
      for (const height of [1, 2, 3, 100]) {
        const window = randomResizedCropWindow({ width, height }, defaultAugmentation, random);
        expect(window.width).toBeGreaterThanOrEqual(1);
        expect(window.height).toBeGreaterThanOrEqual(1);
        expect(window.left + window.width).toBeLessThanOrEqual(width);
        expect(window.top + window.height).toBeLessThanOrEqual(height);
      }
    }
  });
});

describe("drawColorJitter", () => {
  it("draws factors uniformly around 1 and hue around 0", () => {
    const jitters = repeat((random) => drawColorJitter([0.4, 0.4, 1.5, 0.1], random)).flat();
    const factors = (name: string): number[] =>
      jitters.filter(({ property }) => property === name).map(({ factor }) => factor);
    expect(mean(factors("brightness"))).toBeCloseTo(1, 1);
    expect(variance(factors("brightness"))).toBeCloseTo(0.8 ** 2 / 12, 2);
    expect(Math.min(...factors("saturation"))).toBeGreaterThanOrEqual(0);
    expect(mean(factors("saturation"))).toBeCloseTo(1.25, 1);
    expect(mean(factors("hue"))).toBeCloseTo(0, 2);
    expect(Math.max(...factors("hue"))).toBeLessThan(0.1);
  });

  it("draws every order equally often", () => {
    const orders = repeat((random) =>
      drawColorJitter(0.4, random)
        .map(({ property }) => property[0])
        .join(""),
    );
    const counts = ["bcs", "bsc", "cbs", "csb", "sbc", "scb"].map(
      (order) => orders.filter((found) => found === order).length,
    );
    for (const count of counts) expect(count / draws).toBeCloseTo(1 / 6, 1);
    expect(counts.reduce((sum, count) => sum + count)).toBe(draws);
  });

  it.each([null, 0] as const)("does nothing for %s", (strength) => {
    expect(drawColorJitter(strength, seededRandom(1))).toEqual([]);
  });
});

describe("happens", () => {
  it("draws no number for what is certain", () => {
    const random = seededRandom(1);
    expect([happens(0, random), happens(1, random)]).toEqual([false, true]);
    expect(random.uniform()).toBe(seededRandom(1).uniform());
    happens(0.5, random);
    expect(random.uniform()).not.toBe(repeat((other) => other.uniform())[1]);
  });

  it.each([0.2, 0.5, 0.9])("is true with probability %s", (probability) => {
    const found = repeat((random) => happens(probability, random)).filter(Boolean);
    expect(found.length / draws).toBeCloseTo(probability, 1);
  });
});

describe("grey", () => {
  it("is drawn with its probability", () => {
    const found = repeat((random) => drawGrayscale(0.2, random)).filter(({ length }) => length > 0);
    expect(found.length / draws).toBeCloseTo(0.2, 1);
  });
});

describe("a Gaussian blur", () => {
  it("has a kernel of a tenth of the side, odd, and timm's 23 for 224", () => {
    const sides = [1, 8, 32, 96, 160, 224, 256, 320];
    expect(sides.map(blurKernelSize)).toEqual([3, 3, 3, 9, 17, 23, 25, 33]);
  });

  it("draws sigma uniformly from 0.1 to 2", () => {
    // One bright pixel: what is left of it gives the sum of the squares of the distances, which is sigma's square.
    const side = 141;
    const data = new Uint8Array(side * side * 3);
    const middle = (side - 1) / 2;
    const row = middle * side * 3;
    for (let y = 0; y < side; y++) data.fill(255, (y * side + middle) * 3, (y * side + middle + 1) * 3);
    const random = seededRandom(3);
    const sigmas = Array.from({ length: 600 }, () => {
      const blurred = randomGaussianBlur({ width: side, height: side, data }, 1, random);
      const line = Array.from({ length: side }, (_, x) => blurred.data[row + 3 * x]!);
      const total = line.reduce((sum, value) => sum + value, 0);
      return Math.sqrt(line.reduce((sum, value, x) => sum + value * (x - middle) ** 2, 0) / total);
    });
    expect(mean(sigmas)).toBeCloseTo(1.05, 1);
    expect(Math.max(...sigmas)).toBeGreaterThan(1.9);
    expect(Math.max(...sigmas)).toBeLessThan(2.05);
    expect(Math.min(...sigmas)).toBeLessThan(0.3);
  });

  it("is the same of a mirrored image, mirrored", () => {
    const random = seededRandom(2);
    for (const [width, height] of [
      [32, 32],
      [61, 47],
      [3, 5],
      [1, 1],
    ] as const) {
      const image = noise(width, height);
      const sigma = 0.1 + 1.9 * random.uniform();
      expect(gaussianBlur(flipHorizontally(image), 7, sigma)).toEqual(
        flipHorizontally(gaussianBlur(image, 7, sigma)),
      );
    }
  });

  it("is left out with the rest of the probability", () => {
    const image = noise(32, 32);
    const left = repeat((random) => randomGaussianBlur(image, 0.3, random)).filter(
      (result) => result === image,
    );
    expect(left.length / draws).toBeCloseTo(0.7, 1);
  });
});

describe("random erasing", () => {
  const size = { width: 200, height: 100 };

  it("erases 2 to 33 % of the area with the given probability", () => {
    const options = { reProb: 0.25, reMode: "const", reCount: 1 } as const;
    const found = repeat((random) => drawErasing(size, options, random));
    expect(found.filter((windows) => windows.length > 0).length / draws).toBeCloseTo(0.25, 1);
    for (const [window] of found) {
      if (!window) continue;
      const share = (window.width * window.height) / (200 * 100);
      expect(share).toBeGreaterThan(0.018);
      expect(share).toBeLessThan(0.35);
      expect(window.height / window.width).toBeGreaterThan(0.27);
      expect(window.height / window.width).toBeLessThan(3.7);
      expect(window.left + window.width).toBeLessThanOrEqual(200);
      expect(window.top + window.height).toBeLessThanOrEqual(100);
    }
  });

  it("shares the area among several parts", () => {
    const options = { reProb: 1, reMode: "const", reCount: 3 } as const;
    const found = repeat((random) => drawErasing(size, options, random));
    for (const count of [1, 2, 3]) {
      const share = found.filter((windows) => windows.length === count).length / draws;
      expect(share).toBeCloseTo(1 / 3, 1);
    }
    for (const windows of found) {
      const area = windows.reduce((sum, { width, height }) => sum + width * height, 0);
      expect(area / (200 * 100)).toBeLessThan(0.36);
    }
  });

  it.each(["const", "rand", "pixel"] as const)("fills parts in mode %s", (reMode) => {
    const planes = new Float32Array(3 * 200 * 100).fill(9);
    randomErasing(planes, size, { reProb: 1, reMode, reCount: 1 }, seededRandom(5));
    const erased = [0, 1, 2].map((channel) =>
      planes.subarray(channel * 20000, (channel + 1) * 20000).filter((value) => value !== 9),
    );
    const counts = erased.map(({ length }) => length);
    expect(new Set(counts).size).toBe(1);
    expect(counts[0]).toBeGreaterThan(300);
    const colors = erased.map((values) => new Set(values).size);
    if (reMode === "pixel") {
      expect(mean([...erased[0]!])).toBeCloseTo(0, 0);
      expect(variance([...erased[0]!])).toBeCloseTo(1, 0);
      expect(colors[0]).toBeGreaterThan(300);
    } else {
      expect(colors).toEqual([1, 1, 1]);
      const distinct = new Set(erased.map((values) => values[0]));
      expect(distinct.size).toBe(reMode === "const" ? 1 : 3);
      expect(distinct.has(0)).toBe(reMode === "const");
    }
  });
});
