import { softmax, topk } from "../predict/index.ts";

/** A class of an image and its probability. */
export interface ClassScore {
  readonly class: number;
  readonly score: number;
}

/** The `p` best classes of an image, best first, with their softmax probabilities; of equals, the first class. */
export function topScores(logits: Float32Array, p: number): readonly ClassScore[] {
  const probabilities = softmax(logits);
  return topk(logits, p).map(({ index }) => ({ class: index, score: probabilities[index]! }));
}
