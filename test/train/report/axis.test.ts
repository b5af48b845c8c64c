import { array, assert, double, integer, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { axisOver, thin } from "../../../src/report/chart.ts";

const value = double({ min: -1e6, max: 1e6, noNaN: true });

describe("an axis", () => {
  it("holds all values between a few round ticks", () => {
    assert(
      property(array(value, { minLength: 1 }), (values) => {
        const { from, to, ticks } = axisOver(values);
        const span = to - from;
        expect(span).toBeGreaterThan(0);
        expect(Math.min(...values)).toBeGreaterThanOrEqual(from - 1e-6 * span);
        expect(Math.max(...values)).toBeLessThanOrEqual(to + 1e-6 * span);
        expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(ticks.length).toBeLessThanOrEqual(7);
      }),
    );
  });

  it("starts at 0 where the values come near it, and leaves out what is no number", () => {
    expect(axisOver([0.3, 2.3, NaN, Infinity])).toEqual({ from: 0, to: 3, ticks: [0, 1, 2, 3] });
    expect(axisOver([90, 95]).from).toBe(90);
    expect(axisOver([])).toMatchObject({ from: 0, to: 1 });
  });
});

describe("a thinned curve", () => {
  it("keeps order, ends of the outline, and little else", () => {
    assert(
      property(
        array(value, { minLength: 1, maxLength: 3000 }),
        integer({ min: 10, max: 100 }),
        (ys, limit) => {
          const points = ys.map((y, x) => ({ x, y }));
          const kept = thin(points, limit);
          expect(kept.length).toBeLessThanOrEqual(Math.max(limit, 2));
          expect(Math.max(...kept.map(({ y }) => y))).toBe(Math.max(...ys));
          expect(Math.min(...kept.map(({ y }) => y))).toBe(Math.min(...ys));
          expect(kept.map(({ x }) => x)).toEqual(kept.map(({ x }) => x).sort((a, b) => a - b));
        },
      ),
    );
  });
});
