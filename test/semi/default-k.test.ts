import { expect, it } from "vitest";
import { defaultK } from "../../src/semi/select/selection.ts";

it("is the paper's K for the paper's images, and scales with them", () => {
  expect([1e8, 5e7, 2.5e7].map((images) => defaultK(images, 1000))).toEqual([16_000, 8000, 4000]);
  expect(defaultK(46_000, 10)).toBe(736);
  expect(defaultK(5, 10)).toBe(1);
});
