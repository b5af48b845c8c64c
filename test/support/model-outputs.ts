import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import { colouredPng } from "./coloured-images.ts";

/** Writes photos of three colours for the models to look at: more than fill the batches of two workers. */
export async function writePhotos(folder: string): Promise<void> {
  mkdirSync(folder);
  const random = seededRandom(3);
  for (let index = 0; index < 22; index++) {
    writeFileSync(join(folder, `${index}.png`), await colouredPng(index % 3, random));
  }
}

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
