import { assert, constantFrom, property, string } from "fast-check";
import { describe, expect, it } from "vitest";
import { compareNaturally, sortNaturally } from "../../src/data/index.ts";

/** timm's natural_key, written out: text without case and numbers by value, in turn. */
function naturalKey(name: string): (string | bigint)[] {
  return name
    .toLowerCase()
    .split(/(\d+)/)
    .map((part, i) => (i % 2 === 1 ? BigInt(part) : part));
}

function compareKeys(a: string, b: string): number {
  const [left, right] = [naturalKey(a), naturalKey(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i]! < right[i]!) return -1;
    if (left[i]! > right[i]!) return 1;
  }
  return left.length - right.length;
}

const name = string({
  unit: constantFrom("a", "B", "b", "-", "0", "1", "2", "10", ".", "z"),
  maxLength: 8,
});

describe("natural order", () => {
  it("sorts numbers by value and letters without case", () => {
    expect(sortNaturally(["img10", "Img2", "img1", "IMG01", "a", "10", "9"])).toEqual([
      "9",
      "10",
      "a",
      "IMG01",
      "img1",
      "Img2",
      "img10",
    ]);
  });

  it("agrees with timm's key wherever that tells two names apart, and is total", () => {
    assert(
      property(name, name, (a, b) => {
        const expected = Math.sign(compareKeys(a, b));
        const actual = Math.sign(compareNaturally(a, b));
        if (expected !== 0) expect(actual).toBe(expected);
        else expect(actual === 0).toBe(a === b);
        expect(Math.sign(compareNaturally(b, a)) + actual).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });
});
