/** How much each place of an image speaks for a class: rows from the top, 0 to 1. */
export interface HeatMap {
  readonly dims: readonly [height: number, width: number];
  readonly data: Float32Array<ArrayBuffer>;
}

/** A map of which the largest element is 1; a map without positive elements stays 0: nothing speaks for the class. */
export function heatMap(dims: readonly number[], data: Float32Array): HeatMap {
  const [height, width] = dims as [number, number];
  const largest = data.reduce((most, value) => Math.max(most, value), 0);
  return {
    dims: [height, width],
    data: Float32Array.from(data, (value) => (largest > 0 ? value / largest : 0)),
  };
}
