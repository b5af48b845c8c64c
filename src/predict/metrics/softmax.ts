/**
 * Probabilities of one image's logits: exp(x - max) / sum, so that no logit overflows.
 *
 * The sum is taken in float64. A logit that is NaN or +Infinity makes all of them NaN, as in PyTorch, instead of a made-up answer.
 */
export function softmax(logits: ArrayLike<number>): Float32Array<ArrayBuffer> {
  let max = -Infinity;
  for (let i = 0; i < logits.length; i++) max = Math.max(max, logits[i]!);
  const exponentials = new Float64Array(logits.length);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const value = Math.exp(logits[i]! - max);
    exponentials[i] = value;
    sum += value;
  }
  return Float32Array.from(exponentials, (value) => value / sum);
}
