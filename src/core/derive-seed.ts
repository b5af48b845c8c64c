/**
 * A 32-bit seed for {@link seededRandom} that depends on every one of the numbers and on their order.
 *
 * Training draws each of its random numbers from a stream of its own, such as `deriveSeed(seed, epoch, position)`:
 * so a run that is resumed in mid-epoch, or spread over another number of threads, draws the same ones.
 *
 * @param values Integers from 0 to 2^53 - 1.
 */
export function deriveSeed(...values: readonly number[]): number {
  let hash = 0;
  for (const value of values) {
    hash = mix(hash ^ (value >>> 0));
    hash = mix(hash ^ Math.floor(value / 2 ** 32));
  }
  return hash >>> 0;
}

/** One step of a SplitMix32: a bijection in which each bit of the input changes half of those of the result. */
function mix(value: number): number {
  let z = (value + 0x9e3779b9) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return z ^ (z >>> 15);
}
