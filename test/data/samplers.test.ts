import { describe, expect, it } from "vitest";
import { epochOrder, splitHoldout, stratifiedFolds } from "../../src/data/index.ts";

/** Labels of a data set with these many images a class, in mixed order. */
function labelsOf(...counts: readonly number[]): number[] {
  const labels = counts.flatMap((count, label) => Array<number>(count).fill(label));
  return labels.map((_, i) => labels[(i * 7919) % labels.length]!);
}

const counted = (values: Iterable<number>): Map<number, number> => {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
};

const range = (count: number): number[] => [...Array(count).keys()];

describe("the order of an epoch", () => {
  const labels = labelsOf(60, 30, 11);

  it("holds each image once, in another order each epoch and with each seed", () => {
    const orders = [
      [1, 0],
      [1, 1],
      [2, 0],
    ].map(([seed, epoch]) => epochOrder({ labels, seed: seed!, epoch: epoch! }));
    for (const order of orders) expect([...order].sort((a, b) => a - b)).toEqual(range(101));
    expect(new Set(orders.map(String)).size).toBe(3);
    expect(epochOrder({ labels, seed: 1, epoch: 0 })).toEqual(orders[0]);
  });

  it("puts every image at every place equally often", () => {
    const four = [0, 0, 0, 0];
    const seen = range(2400).map((epoch) => String(epochOrder({ labels: four, seed: 9, epoch })));
    const counts = [...counted(seen.map((order) => Number(order.replaceAll(",", "")))).values()];
    expect(counts).toHaveLength(24);
    // Chi-squared with 23 degrees of freedom stays below 50 in all but 0.1 % of cases.
    expect(counts.reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0)).toBeLessThan(50);
  });

  it("is the source's when it is sequential", () => {
    expect([...epochOrder({ labels, seed: 1, epoch: 3, sampler: "sequential" })]).toEqual(range(101));
  });

  it("gives each class, and each image of a class, the same share when it is class-balanced", () => {
    const order = epochOrder({ labels, seed: 4, epoch: 2, sampler: "class-balanced" });
    expect(order).toHaveLength(101);
    const classes = [...counted([...order].map((image) => labels[image]!)).values()].sort((a, b) => a - b);
    expect(classes).toEqual([33, 34, 34]);
    for (const label of [0, 1, 2]) {
      const draws = [...order].filter((image) => labels[image] === label);
      const times = [...counted(draws).values()];
      expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(1);
      expect(times.length).toBe(Math.min(draws.length, labels.filter((other) => other === label).length));
    }
    const thirds = [...order].slice(0, 50).filter((image) => labels[image] === 2).length;
    expect(thirds).toBeGreaterThan(5);
  });

  it("leaves classes without images out", () => {
    const order = epochOrder({ labels: [2, 2, 5], seed: 1, epoch: 0, sampler: "class-balanced" });
    expect(counted([...order].map((image) => (image === 2 ? 5 : 2))).size).toBe(2);
  });
});

describe("splitHoldout", () => {
  it("holds out the same fraction of each class, and the rounded fraction of all", () => {
    const labels = labelsOf(100, 50, 25, 5);
    const { kept, heldOut } = splitHoldout(labels, 0.1, 3);
    expect([...kept, ...heldOut].sort((a, b) => a - b)).toEqual(range(180));
    expect(heldOut).toHaveLength(18);
    const counts = counted([...heldOut].map((image) => labels[image]!));
    expect([counts.get(0), counts.get(1)]).toEqual([10, 5]);
    expect((counts.get(2) ?? 0) + (counts.get(3) ?? 0)).toBe(3);
    expect([...heldOut]).toEqual([...heldOut].sort((a, b) => a - b));
  });

  it("is another one with each seed, and the same with the same", () => {
    const labels = labelsOf(40, 40);
    const [a, b, again] = [1, 2, 1].map((seed) => String(splitHoldout(labels, 0.25, seed).heldOut));
    expect(a).not.toBe(b);
    expect(again).toBe(a);
  });

  it("leaves every class an image to train on", () => {
    const { kept } = splitHoldout([0, 1, 1, 2], 0.9, 1);
    expect(counted([...kept].map((image) => [0, 1, 1, 2][image]!)).size).toBe(3);
  });

  it.each([0, 1, -0.1, Number.NaN])("refuses the fraction %d", (fraction) => {
    expect(() => splitHoldout([0, 0], fraction, 1)).toThrow(
      expect.objectContaining({ name: "UsageError", code: "data/holdout-fraction" }),
    );
  });
});

describe("folds", () => {
  it("hold each class evenly, and as many images each", () => {
    const labels = labelsOf(25, 13, 7);
    const folds = stratifiedFolds(labels, 5, 3);
    for (const label of [0, 1, 2]) {
      const sizes = [...counted(folds.filter((_, image) => labels[image] === label)).values()];
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      expect(sizes).toHaveLength(5);
    }
    expect([...counted(folds).values()]).toEqual([9, 9, 9, 9, 9]);
  });

  it("are the same for the same seed, and others for another", () => {
    const labels = labelsOf(20, 20);
    expect(stratifiedFolds(labels, 5, 1)).toEqual(stratifiedFolds(labels, 5, 1));
    expect(stratifiedFolds(labels, 5, 2)).not.toEqual(stratifiedFolds(labels, 5, 1));
  });

  it("are no more than the images of the largest class, and leave out classes of one image", () => {
    const labels = [0, 0, 0, 1, 1, 2];
    const folds = stratifiedFolds(labels, 5, 0);
    expect(new Set(folds.subarray(0, 3))).toEqual(new Set([0, 1, 2]));
    expect(new Set(folds.subarray(3, 5)).size).toBe(2);
    expect(folds[5]).toBe(-1);
    expect([...stratifiedFolds([0, 1, 2], 5, 0)]).toEqual([-1, -1, -1]);
  });
});
