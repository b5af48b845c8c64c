import { softmax, topk } from "./metrics/index.ts";
import type { Prediction } from "./results.ts";

/** The `count` best classes of an image, best first. */
export function bestClasses(
  logits: Float32Array,
  classes: readonly string[],
  count: number,
): readonly Prediction[] {
  const best = topk(logits, count).map(({ index }) => index);
  return predictionsOf(logits, classes, best);
}

/** What the logits say of these classes. */
export function predictionsOf(
  logits: Float32Array,
  classes: readonly string[],
  indices: readonly number[],
): readonly Prediction[] {
  const probabilities = softmax(logits);
  return indices.map((index) => ({
    index,
    label: classes[index]!,
    probability: probabilities[index]!,
    logit: logits[index]!,
  }));
}
