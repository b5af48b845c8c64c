import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../../src/core/index.ts";
import {
  accuracyMeter,
  bestRankOf,
  confusionMatrix,
  countPrediction,
  parseClassSubset,
  perClass,
  rankOf,
  restrictToSubset,
  softmax,
  topk,
  worstConfusions,
} from "../../../src/predict/metrics/metrics.ts";

const scores = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 40 });

describe("softmax", () => {
  it("gives e^x / sum", () => {
    // e^0, e^1, e^2 over 11.107337927389695
    expect([...softmax([0, 1, 2])].map((p) => p.toFixed(6))).toEqual(["0.090031", "0.244728", "0.665241"]);
  });

  it("does not overflow", () => {
    expect([...softmax([1000, 1000, -1000])]).toEqual([0.5, 0.5, 0]);
  });

  it("says NaN when a logit is not finite, never a made-up answer", () => {
    expect([...softmax([1, Number.NaN])]).toEqual([Number.NaN, Number.NaN]);
  });

  it("sums to one and keeps the order", () => {
    fc.assert(
      fc.property(fc.array(fc.float({ min: -50, max: 50, noNaN: true }), { minLength: 1 }), (logits) => {
        const probabilities = [...softmax(logits)];
        expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
        logits.forEach((a, i) =>
          logits.forEach((b, j) => {
            if (a > b) expect(probabilities[i]).toBeGreaterThanOrEqual(probabilities[j]!);
          }),
        );
      }),
    );
  });
});

describe("topk", () => {
  it("orders by score, equal scores by lower index, NaN last", () => {
    expect(topk([1, 3, Number.NaN, 3, 2], 4).map(({ index }) => index)).toEqual([1, 3, 4, 0]);
    expect(topk([Number.NaN, -1], 2).map(({ index }) => index)).toEqual([1, 0]);
  });

  it("gives all when there are fewer than k, and none for k = 0", () => {
    expect(topk([5, 6], 5)).toEqual([
      { index: 1, value: 6 },
      { index: 0, value: 5 },
    ]);
    expect(topk([5, 6], 0)).toEqual([]);
  });

  it("agrees with a stable sort, and rankOf agrees with topk", () => {
    fc.assert(
      fc.property(scores, fc.integer({ min: 0, max: 45 }), (values, k) => {
        const sorted = values.map((value, index) => ({ index, value })).sort((a, b) => b.value - a.value);
        expect(topk(values, k)).toEqual(sorted.slice(0, k));
        sorted.forEach(({ index }, rank) => expect(rankOf(values, index)).toBe(rank));
      }),
    );
  });
});

describe("accuracy", () => {
  it("counts hits among one and among five", () => {
    const meter = accuracyMeter();
    for (const rank of [0, 0, 3, 4, 5, 900, 0, 1]) meter.add(rank);
    expect(meter.result()).toEqual({ count: 8, top1: 37.5, top5: 75 });
  });

  it("is NaN when nothing was counted", () => {
    expect(accuracyMeter().result()).toEqual({ count: 0, top1: Number.NaN, top5: Number.NaN });
  });

  it("takes the best-placed of several right classes", () => {
    expect(bestRankOf([0.1, 0.5, 0.3, 0.2], [0, 2])).toBe(1);
  });
});

describe("confusion matrix", () => {
  const matrix = confusionMatrix(3);
  for (const [target, predicted] of [
    [0, 0],
    [0, 0],
    [0, 1],
    [1, 1],
    [1, 0],
    [1, 0],
    [1, 0],
  ]) {
    countPrediction(matrix, target!, predicted!);
  }

  it("has right classes as rows", () => {
    expect([...matrix.counts]).toEqual([2, 1, 0, 3, 1, 0, 0, 0, 0]);
  });

  it("lists the most frequent confusions", () => {
    expect(worstConfusions(matrix, 5)).toEqual([
      { target: 1, predicted: 0, count: 3 },
      { target: 0, predicted: 1, count: 1 },
    ]);
  });

  it("gives precision, recall and F1 per class", () => {
    const [first, second, third] = perClass(matrix);
    // class 0: 2 hits of 3 images, 5 taken for it
    expect(first).toMatchObject({ support: 3, predicted: 5, precision: 40, f1: 50 });
    expect(first!.recall).toBeCloseTo(66.667, 3);
    expect(second).toMatchObject({ support: 4, predicted: 2, recall: 25, precision: 50 });
    expect(third).toEqual({
      index: 2,
      support: 0,
      predicted: 0,
      recall: Number.NaN,
      precision: Number.NaN,
      f1: Number.NaN,
    });
  });
});

describe("class subset", () => {
  it("chooses among its classes only", () => {
    const restricted = restrictToSubset([9, 1, 8, 2], [1, 3]);
    expect([...restricted]).toEqual([1, 2]);
    expect(topk(restricted, 1)[0]!.index).toBe(1);
  });

  it("reads one index per line, sorted and once each", () => {
    expect(parseClassSubset("7\r\n\n3\n7\n", 10, "subset.txt")).toEqual([3, 7]);
  });

  it.each(["10", "-1", "1.5", "cat", ""])("refuses %j", (text) => {
    expect(() => parseClassSubset(text, 10, "subset.txt")).toThrow(UsageError);
  });
});
