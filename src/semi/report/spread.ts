/** Mean of some values and how far they lie apart. */
export interface Spread {
  readonly mean: number;
  /** Standard deviation of the sample; undefined for a single value. */
  readonly deviation: number | undefined;
  readonly count: number;
}

/** Mean and standard deviation (divided by n - 1); the mean of nothing is NaN. */
export function spread(values: readonly number[]): Spread {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { mean, deviation: undefined, count };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (count - 1)), count };
}

/** Mean of values that some do not have, in words; a dash unless all have them. */
export const meanOf = (values: readonly (number | undefined)[], words: (mean: number) => string): string =>
  values.some((value) => value === undefined) ? "–" : words(spread(values as readonly number[]).mean);

/** As in `79.1 ± 0.3`, in the unit of the values. */
export function plusMinus({ mean, deviation }: Spread): string {
  return deviation === undefined ? mean.toFixed(1) : `${mean.toFixed(1)} ± ${deviation.toFixed(1)}`;
}
