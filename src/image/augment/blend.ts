/**
 * Pillow's `Image.blend(ground, value, factor)` for every difference value - ground, before the ground is added:
 * entry d + 255 belongs to the difference d. Pillow computes in float32.
 */
export function blendProducts(factor: number): Float32Array {
  const single = Math.fround(factor);
  return Float32Array.from({ length: 511 }, (_, entry) => single * (entry - 255));
}

/** The byte of a float32 sum: truncated and clipped. */
export const toByte = (sum: number): number => (sum <= 0 ? 0 : sum >= 255 ? 255 : Math.trunc(sum));
