/** A seeded stream of random numbers: the same seed gives the same numbers on every platform. */
export interface Random {
  /** Uniform in [0, 1), with 32 bits. */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
}

/** xoshiro128** (Blackman and Vigna, 2018), its state filled by SplitMix32. */
export function seededRandom(seed: number): Random {
  let mix = seed >>> 0;
  const nextMix = (): number => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let a = nextMix();
  let b = nextMix();
  let c = nextMix();
  let d = nextMix();
  const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

  const bits = (): number => {
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotl(d, 11);
    return result;
  };
  const uniform = (): number => bits() / 2 ** 32;

  return {
    uniform,
    // Box-Muller; 1 - u keeps the logarithm finite.
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    integer: (bound) => Math.floor(uniform() * bound),
  };
}

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
    hash = splitMix32(hash ^ (value >>> 0));
    hash = splitMix32(hash ^ Math.floor(value / 2 ** 32));
  }
  return hash >>> 0;
}

/** One step of a SplitMix32: a bijection in which each bit of the input changes half of those of the result. */
function splitMix32(value: number): number {
  let z = (value + 0x9e3779b9) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return z ^ (z >>> 15);
}
