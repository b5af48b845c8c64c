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

/**
 * The hash of a picture: a bit for each of its 64 lowest frequencies, set where it is above the median. Pictures that
 * look the same differ in few bits, other ones in about half of them.
 *
 * @param frequencies 8 x 8 coefficients of the cosine transform.
 * @returns 64 bits as a signed number.
 */
export function perceptualHash(frequencies: Float32Array): bigint {
  const sorted = Float32Array.from(frequencies).sort();
  const median = (sorted[31]! + sorted[32]!) / 2;
  let hash = 0n;
  for (const frequency of frequencies) hash = (hash << 1n) | (frequency > median ? 1n : 0n);
  return BigInt.asIntN(64, hash);
}
