/**
 * Writes one row of targets: 1 - smoothing for the class, and smoothing spread over all classes.
 *
 * @param out Receives [classes] from `offset`.
 */
export function writeTarget(
  label: number,
  classes: number,
  smoothing: number,
  out: Float32Array,
  offset = 0,
): void {
  const spread = smoothing / classes;
  out.fill(spread, offset, offset + classes);
  out[offset + label] = 1 - smoothing + spread;
}
