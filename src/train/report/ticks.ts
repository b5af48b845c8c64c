/** A range of values, and round ones within it. */
export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
}

/** An axis that holds all finite values, from round tick to round tick; from 0 where they come near it. */
export function axisOver(values: Iterable<number>, about = 4): Axis {
  let least = Infinity;
  let most = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  if (least > 0 && least < most * 0.4) least = 0;
  const size = Math.max(Math.abs(least), Math.abs(most));
  // Nothing to see, or nothing that numbers could tell apart.
  if (!(size > 1e-100 && Number.isFinite(size))) [least, most] = [0, 1];
  else if (most - least < 1e-9 * size) [least, most] = [Math.min(0, least), Math.max(0, most)];
  const step = roundStep((most - least) / about);
  const from = Math.floor(least / step + 1e-9);
  const to = Math.ceil(most / step - 1e-9);
  return {
    from: from * step,
    to: to * step,
    ticks: Array.from({ length: to - from + 1 }, (_, index) => (from + index) * step),
  };
}

/** The least of 1, 2, 2.5 and 5 times a power of ten that is not below the wanted step. */
function roundStep(wanted: number): number {
  const power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 2.5, 5].map((digit) => digit * power).find((step) => step >= wanted * 0.999) ?? 10 * power;
}
