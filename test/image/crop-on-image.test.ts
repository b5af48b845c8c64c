import { describe, expect, it } from "vitest";
import {
  cropOnImage,
  evalCrop,
  imagenetPreprocessing,
  type Preprocessing,
  type RgbImage,
} from "../../src/image/index.ts";

const eval32: Preprocessing = { ...imagenetPreprocessing, inputSize: 32 };

describe("cropOnImage", () => {
  it.each([
    // Short side 36 of 72: each pixel of the crop is two of the image.
    [
      { width: 72, height: 144 },
      { left: 4, top: 40, width: 64, height: 64 },
    ],
    [
      { width: 144, height: 72 },
      { left: 40, top: 4, width: 64, height: 64 },
    ],
    // 36x55 of 101x155: the long side was truncated, so the two scales differ.
    [
      { width: 101, height: 155 },
      { left: (2 * 101) / 36, top: (12 * 155) / 55, width: (32 * 101) / 36, height: (32 * 155) / 55 },
    ],
  ])("of %j", (size, expected) => {
    const crop = cropOnImage(size, eval32);
    for (const [name, value] of Object.entries(expected)) {
      expect(crop[name as keyof typeof crop]).toBeCloseTo(value, 10);
    }
  });

  it("reaches beyond the image where the crop is padded", () => {
    // 25 of 32 pixels, 3 before them, each of two pixels of the image.
    const crop = cropOnImage({ width: 50, height: 50 }, { ...eval32, cropPct: 1.28 });
    expect(crop).toEqual({ left: -6, top: -6, width: 64, height: 64 });
  });

  it("is what evalCrop shows", () => {
    const size = { width: 300, height: 203 };
    const crop = cropOnImage(size, eval32);
    const inside = evalCrop(painted(size, crop), eval32).data;
    // The filter reaches over the edge by less than a pixel of the crop.
    const interior = inside.filter((_, at) => {
      const [x, y] = [Math.floor(at / 3) % 32, Math.floor(at / 96)];
      return x > 0 && x < 31 && y > 0 && y < 31;
    });
    expect(Math.min(...interior)).toBe(255);
    const margin = {
      left: crop.left + 12,
      top: crop.top + 12,
      width: crop.width - 24,
      height: crop.height - 24,
    };
    expect(Math.max(...evalCrop(painted(size, margin), eval32).data.subarray(0, 3))).toBe(0);
  });
});

/** White within a rectangle, black around it. */
function painted(
  { width, height }: { readonly width: number; readonly height: number },
  window: ReturnType<typeof cropOnImage>,
): RgbImage {
  const within = (at: number, start: number, length: number): boolean =>
    at + 0.5 >= start && at + 0.5 < start + length;
  const data = Uint8Array.from({ length: width * height * 3 }, (_, at) => {
    const pixel = Math.floor(at / 3);
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    return within(x, window.left, window.width) && within(y, window.top, window.height) ? 255 : 0;
  });
  return { width, height, data };
}
