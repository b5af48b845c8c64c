import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import { confidentErrors, labelErrors } from "../../src/check/label-errors.ts";
import { nodeTrainingPlatform } from "../../src/node/training.ts";

describe("confident learning", () => {
  it("lists labels with less than a tenth of what is usual for their class, the least first", () => {
    // Usual, the mean probabilities of the own label: 0.5 and 0.7.
    const rows = [
      [0.96, 0.04],
      [0.98, 0.02],
      [0.04, 0.96],
      [0.02, 0.98],
      [0.03, 0.97],
      [0.14, 0.86],
      [0.71, 0.29],
    ];
    const labels = Int32Array.from([0, 0, 0, 0, 1, 1, 1]);
    const found = confidentErrors(Float32Array.from(rows.flat()), labels, 2);
    expect(found.map(({ row, suggested, isConfident }) => [row, suggested, isConfident])).toEqual([
      [3, 1, true],
      [2, 1, true],
    ]);
  });

  it("is confident where the other class is as likely as it usually is", () => {
    const rows = [
      [0.9, 0.05, 0.05],
      [0.04, 0.52, 0.44],
      [0.05, 0.9, 0.05],
      [0.05, 0.05, 0.9],
    ];
    const [error] = confidentErrors(Float32Array.from(rows.flat()), Int32Array.from([0, 0, 1, 2]), 3);
    expect(error).toMatchObject({ row: 1, suggested: 1, isConfident: false });
  });

  it("finds nothing where each label is the likeliest class", () => {
    const probabilities = Float32Array.from([0.9, 0.1, 0.8, 0.2, 0.3, 0.7]);
    expect(confidentErrors(probabilities, Int32Array.from([0, 0, 1]), 2)).toEqual([]);
  });
});

describe("label errors", () => {
  const length = 8;

  /** Three clouds of points, some with the label of another cloud. */
  function clouds(rows: number, wrong: ReadonlySet<number>) {
    const random = seededRandom(5);
    const features = new Float32Array(rows * length);
    const labels = new Int32Array(rows);
    for (let row = 0; row < rows; row++) {
      const cloud = row % 3;
      labels[row] = wrong.has(row) ? (cloud + 1) % 3 : cloud;
      for (let j = 0; j < length; j++)
        features[row * length + j] = random.normal() * 0.5 + (j === cloud ? 4 : 0);
    }
    return { rows, length, features, labels, numClasses: 3 };
  }

  it("are found by classifiers that had not seen the image, and nothing else", async () => {
    const wrong = new Set(Array.from({ length: 30 }, (_, i) => 19 * i + 4));
    const found = await labelErrors(nodeTrainingPlatform, clouds(600, wrong), {
      pictures: Int32Array.from({ length: 600 }, (_, row) => row),
    });
    expect(found.filter(({ row }) => !wrong.has(row))).toEqual([]);
    expect(found.length).toBeGreaterThan(18);
    expect(found.some(({ isConfident }) => isConfident)).toBe(true);
    for (const { row, suggested } of found) expect(suggested).toBe(row % 3);
  });

  it("are found though a copy of the picture has the same wrong label", async () => {
    const wrong = new Set([4, 64]);
    const examples = clouds(120, wrong);
    examples.features.copyWithin(64 * length, 4 * length, 5 * length);
    const pictures = Int32Array.from({ length: 120 }, (_, row) => (row === 64 ? 4 : row));
    const found = await labelErrors(nodeTrainingPlatform, examples, { pictures });
    expect(found.map(({ row }) => row).sort((a, b) => a - b)).toEqual([4, 64]);
  });
});
