import { assert, constantFrom, double, integer, property, record, tuple } from "fast-check";
import { describe, expect, it } from "vitest";
import { type Interpolation, resize } from "../../src/image/index.ts";
import { noise } from "./noise.ts";

const side = integer({ min: 1, max: 60 });
const size = record({ width: side, height: side });
const interpolation = constantFrom<Interpolation>("box", "bilinear", "hamming", "bicubic", "lanczos");

describe("resize", () => {
  it("keeps a constant image constant", () => {
    assert(
      property(size, size, interpolation, integer({ min: 0, max: 255 }), (from, to, filter, value) => {
        const image = { ...from, data: new Uint8Array(from.width * from.height * 3).fill(value) };
        const { data } = resize(image, to, filter);
        expect(data.length).toBe(to.width * to.height * 3);
        expect(data.every((byte) => byte === value)).toBe(true);
      }),
    );
  });

  it("is the identity when the size stays", () => {
    assert(
      property(size, interpolation, (from, filter) => {
        const image = noise(from.width, from.height);
        expect(resize(image, from, filter).data).toEqual(image.data);
      }),
    );
  });

  it("computes a window equal to that part of the whole", () => {
    const part = tuple(double({ min: 0, max: 0.999, noNaN: true }), double({ min: 0, max: 1, noNaN: true }));
    assert(
      property(size, size, interpolation, part, part, (from, to, filter, across, down) => {
        const image = noise(from.width, from.height);
        const left = Math.floor(across[0] * to.width);
        const top = Math.floor(down[0] * to.height);
        const width = Math.max(1, Math.floor(across[1] * (to.width - left)));
        const height = Math.max(1, Math.floor(down[1] * (to.height - top)));
        const whole = resize(image, to, filter);
        const window = resize(image, to, filter, { left, top, width, height });
        for (let y = 0; y < height; y++) {
          const start = ((top + y) * to.width + left) * 3;
          expect(window.data.subarray(y * width * 3, (y + 1) * width * 3)).toEqual(
            whole.data.subarray(start, start + width * 3),
          );
        }
      }),
    );
  });

  it.each([
    ["many bands of rows", 500, 3000],
    ["more memory than is kept", 4, 60_000],
  ])("treats every row alike over %s", (_, width, height) => {
    const row = noise(width, 1);
    const data = new Uint8Array(width * height * 3);
    for (let y = 0; y < height; y++) data.set(row.data, y * width * 3);
    const resized = resize({ width, height, data }, { width: 224, height: 50 }, "bicubic");
    const expected = resize(row, { width: 224, height: 1 }, "bicubic").data;
    for (let y = 0; y < 50; y++) {
      expect(resized.data.subarray(y * 224 * 3, (y + 1) * 224 * 3)).toEqual(expected);
    }
  });

  // Of a picture that is uniform along one axis nothing is seen of the order; of noise almost always.
  it.each([
    ["300x400 to 224x224", [300, 400], [224, 224], true],
    ["just above twice the width's", [60, 101], [40, 60], true],
    ["just twice the width's", [60, 100], [40, 60], false],
    ["the width grows", [60, 101], [70, 60], true],
    ["the height stays", [60, 40], [70, 40], false],
    ["both grow", [40, 60], [60, 80], false],
  ] as const)(
    "takes the columns first where Pillow 13 does: %s",
    (_, [width, height], [w, h], columnsFirst) => {
      const image = noise(width, height);
      const half = { width: columnsFirst ? width : w, height: columnsFirst ? h : height };
      const inTwoSteps = resize(resize(image, half, "bilinear"), { width: w, height: h }, "bilinear");
      expect(resize(image, { width: w, height: h }, "bilinear").data).toEqual(inTwoSteps.data);
    },
  );
});
