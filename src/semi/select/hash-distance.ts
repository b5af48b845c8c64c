/**
 * Splits 64 bits into bands as equal as can be, as masks of signed numbers. Two hashes that differ in d bits agree in
 * at least one of d + 1 bands: only such pairs have to be compared.
 */
export function bandMasks(count: number): readonly bigint[] {
  return Array.from({ length: count }, (_, band) => {
    const from = BigInt(Math.round((64 * band) / count));
    const to = BigInt(Math.round((64 * (band + 1)) / count));
    return BigInt.asIntN(64, (1n << to) - (1n << from));
  });
}

/** A hash in two numbers, which are compared many times faster than big ones. */
export interface Halves {
  readonly low: number;
  readonly high: number;
}

export const halves = (phash: bigint): Halves => ({
  low: Number(BigInt.asIntN(32, phash)),
  high: Number(BigInt.asIntN(32, phash >> 32n)),
});

/** Bits in which two hashes differ, of 64. */
export const differingBits = (a: Halves, b: Halves): number =>
  countBits(a.low ^ b.low) + countBits(a.high ^ b.high);

/** The bits that are set, of 32, added up in pairs, fours and eights. */
function countBits(bits: number): number {
  const pairs = bits - ((bits >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
