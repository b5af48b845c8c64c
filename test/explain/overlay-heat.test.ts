import { describe, expect, it } from "vitest";
import { imagenetPreprocessing, type Preprocessing, type RgbImage } from "../../src/image/index.ts";
import { heatColour, overlayHeat, type HeatMap } from "../../src/predict/explain.ts";
import { randomTensors } from "../support/random-tensors.ts";
import { evaluateInTorch } from "../support/torch-tensors.ts";
import { hasTorch } from "../support/torch.ts";

/** What the eye takes for brightness: relative luminance, WCAG 2. */
function luminance([red, green, blue]: readonly number[]): number {
  const linear = (value: number): number =>
    value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  return 0.2126 * linear(red!) + 0.7152 * linear(green!) + 0.0722 * linear(blue!);
}

const grey = (width: number, height: number, value: number): RgbImage => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(value),
});

const pixel = ({ width, data }: RgbImage, x: number, y: number): number[] => [
  ...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3),
];

const whole: Preprocessing = { ...imagenetPreprocessing, inputSize: 32, cropPct: 1 };

describe("heatColour", () => {
  const colours = Array.from({ length: 101 }, (_, i) => heatColour(i / 100));

  it("grows brighter with every step, so that heats are told apart without hues", () => {
    const values = colours.map(luminance);
    values.slice(1).forEach((value, at) => expect(value).toBeGreaterThan(values[at]!));
    expect((values.at(-1)! + 0.05) / (values[0]! + 0.05)).toBeGreaterThan(10);
  });

  it("stays apart for eyes without red or green cones", () => {
    // Red and green are seen as one, green weighing more.
    const seen = colours.map(([red, green, blue]) => [0.29 * red + 0.71 * green, blue] as const);
    const distance = (a: number, b: number): number =>
      Math.hypot(seen[a]![0] - seen[b]![0], seen[a]![1] - seen[b]![1]);
    for (let step = 0; step + 20 <= 100; step += 5) expect(distance(step, step + 20)).toBeGreaterThan(15);
  });
});

describe("overlayHeat", () => {
  it("darkens what the model does not see, and colours what it does", () => {
    const photo = grey(96, 32, 200);
    const map: HeatMap = { dims: [1, 1], data: Float32Array.of(1) };
    const drawn = overlayHeat(photo, map, whole);
    expect({ width: drawn.width, height: drawn.height }).toEqual({ width: 96, height: 32 });
    expect(pixel(drawn, 31, 16)).toEqual([90, 90, 90]);
    expect(pixel(drawn, 64, 16)).toEqual([90, 90, 90]);
    for (const x of [32, 63]) {
      const expected = heatColour(1).map((value) => Math.trunc(200 + 0.7 * (value - 200)));
      expect(pixel(drawn, x, 16)).toEqual(expected);
    }
  });

  it("takes the colours of the photograph, and leaves its brightness", () => {
    const photo = grey(32, 32, 0);
    for (let at = 0; at < photo.data.length; at += 3) photo.data[at] = 255;
    const cold: HeatMap = { dims: [1, 1], data: Float32Array.of(0) };
    const [red, green, blue] = pixel(overlayHeat(photo, cold, whole), 5, 5);
    const expected = heatColour(0).map((value) => 76.245 + 0.4 * (value - 76.245));
    for (const [at, value] of [red, green, blue].entries()) expect(value).toBe(Math.trunc(expected[at]!));
  });

  it.skipIf(!hasTorch)("interpolates as PyTorch's bilinear does (skipped without PyTorch)", () => {
    const map = randomTensors(4).uniform(0, 1, 1, 1, 5, 7);
    const { large } = evaluateInTorch({
      large: {
        inputs: { x: map },
        torch: "F.interpolate(x, (32, 32), mode='bilinear', align_corners=False)",
      },
    });
    const drawn = overlayHeat(grey(32, 32, 0), { dims: [5, 7], data: map.data }, whole);
    for (const [at, heat] of Array.from(large!.data, Number).entries()) {
      const share = 0.4 + 0.3 * heat;
      const expected = heatColour(heat).map((value) => share * value);
      const found = pixel(drawn, at % 32, Math.floor(at / 32));
      expected.forEach((value, c) => expect(Math.abs(found[c]! - value)).toBeLessThan(3));
    }
  });
});
