import { expect, it } from "vitest";
import { topScores } from "../../src/semi/index.ts";

it("gives the best classes first, with their softmax probabilities", () => {
  const logits = Float32Array.of(1, 3, 2, 3);
  const exponentials = [1, 3, 2, 3].map(Math.exp);
  const sum = exponentials.reduce((a, b) => a + b);
  const best = topScores(logits, 3);
  // Of equals, the first class.
  expect(best.map((one) => one.class)).toEqual([1, 3, 2]);
  for (const one of best) expect(one.score).toBeCloseTo(exponentials[one.class]! / sum, 6);
  expect(topScores(logits, 1)).toHaveLength(1);
});
