import { describe, expect, it } from "vitest";
import { deriveSeed, seededRandom } from "../../src/core/index.ts";

describe("deriveSeed", () => {
  it("depends on every number, on their order, and on the bits beyond 32", () => {
    const seeds = [
      deriveSeed(1, 2, 3),
      deriveSeed(3, 2, 1),
      deriveSeed(1, 2, 4),
      deriveSeed(1, 2),
      deriveSeed(1, 2, 3 + 2 ** 32),
    ];
    expect(new Set(seeds).size).toBe(seeds.length);
    expect(deriveSeed(1, 2, 3)).toBe(seeds[0]);
    for (const seed of seeds) expect(seed).toBe(seed >>> 0);
  });

  it("stays what it is: runs of earlier versions go on with the same images", () => {
    expect([deriveSeed(0), deriveSeed(42, 7, 1234)]).toEqual([3_385_628_684, 1_587_534_153]);
  });

  it("gives unrelated streams to neighbouring positions", () => {
    const count = 20_000;
    const first = Array.from({ length: count }, (_, i) => seededRandom(deriveSeed(5, 0, i)).uniform());
    const mean = first.reduce((sum, value) => sum + value, 0) / count;
    const correlation =
      first.slice(1).reduce((sum, value, i) => sum + (value - 0.5) * (first[i]! - 0.5), 0) / count / (1 / 12);
    // Five standard errors.
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / count));
    expect(Math.abs(correlation)).toBeLessThan(5 / Math.sqrt(count));
  });
});
