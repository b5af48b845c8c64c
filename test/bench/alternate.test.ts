import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { alternate } from "../../bench/measure/alternate.ts";
import { foreignShare } from "../../bench/measure/cpu-time.ts";
import { median } from "../../bench/measure/statistics.ts";

describe.skipIf(process.platform !== "linux")("alternate (reads /proc)", () => {
  it("warms up, then starts each round with another contestant", async () => {
    const order: string[] = [];
    const contestant = (name: string, seconds: number) => ({
      name,
      run: async (): Promise<number> => {
        order.push(name);
        return seconds;
      },
    });
    const results = await alternate([contestant("a", 1), contestant("b", 2), contestant("c", 4)], {
      rounds: 2,
      warmup: 1,
    });
    // A busy machine repeats rounds: only the beginning is certain.
    expect(order.slice(0, 9).join("")).toBe("abcabcbca");
    expect(results.map(({ name, seconds }) => [name, seconds])).toEqual([
      ["a", 1],
      ["b", 2],
      ["c", 4],
    ]);
  });
});

describe("foreignShare", () => {
  it("counts what neither this process nor its children used, and what the hypervisor took", () => {
    const before = { everyone: 100, stolen: 5, own: 10 };
    const after = { everyone: 104, stolen: 5.5, own: 13 };
    expect(foreignShare(before, after, 2)).toBeCloseTo(1.5 / (2 * availableParallelism()));
  });

  it("is not negative where the clocks' ticks disagree", () => {
    const before = { everyone: 100, stolen: 0, own: 10 };
    expect(foreignShare(before, { everyone: 101, stolen: 0, own: 11.01 }, 1)).toBe(0);
  });
});

describe("median", () => {
  it("takes the middle, whatever the order", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });
});
