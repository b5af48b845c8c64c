import { expect } from "vitest";

/** What a model gives for each of some images, by name. */
export type Outputs = readonly Readonly<Record<string, Float32Array>>[];

/** For each image the largest difference of a number, as a share of the largest number. */
export function differences(found: Outputs, expected: Outputs): readonly number[] {
  return expected.map((outputs, image) => {
    const errors = Object.entries(outputs).map(([name, values]) => {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const other = found[image]![name]!;
      expect(other.length).toBe(values.length);
      return (
        values.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0) / (largest || 1)
      );
    });
    return Math.max(...errors);
  });
}

/** The largest difference of a number in all images, as a share of the largest number. */
export const difference = (found: Outputs, expected: Outputs): number =>
  Math.max(...differences(found, expected));
