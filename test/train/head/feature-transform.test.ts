import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nodePlatform } from "../../../src/node/platform.ts";
import {
  centring,
  foldTransform,
  halfWhitening,
  transform,
  type Embeddings,
  type FeatureTransform,
} from "../../../src/train/index.ts";
import { seededExamples } from "../../support/head-examples.ts";
import { referenceMissing, runReference } from "../../support/reference.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const meanSquareLength = (features: Float32Array, rows: number): number =>
  features.reduce((sum, value) => sum + value * value, 0) / rows;

const missing = referenceMissing("numpy");

describe.skipIf(missing)(
  `half-whitening against NumPy's eigenvectors${missing ? ` (${missing})` : ""}`,
  () => {
    const folder = temporaryFolder();

    it.each([
      ["more images than numbers in an embedding", 500, 40],
      ["fewer", 200, 300],
      ["one number", 50, 1],
    ])("%s: %i images, %i numbers", async (_, rows, length) => {
      const embeddings = seededExamples({ rows, length, numClasses: 4 });
      const file = join(folder, `${rows}-${length}`);
      writeFileSync(file, embeddings.features);
      const expected = runReference("half_whitening.py", [file, `${length}`]) as {
        readonly projection: readonly number[];
        readonly scale: number;
      };
      const found = (await halfWhitening(nodePlatform, embeddings))!;
      const largest = Math.max(...expected.projection.map(Math.abs));
      const furthest = expected.projection.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - found.projection![i]!)),
        0,
      );
      // What float32 leaves of eigenvalues from 0.001 to 1.
      expect(furthest).toBeLessThan(2e-4 * largest);
      expect(found.scale).toBeCloseTo(expected.scale, 3);
    });
  },
);

describe("whitened embeddings", () => {
  const embeddings = seededExamples({ rows: 300, length: 30, numClasses: 3 });

  it("have mean 0 and mean square length 1, and directions that are more alike", async () => {
    const whitening = (await halfWhitening(nodePlatform, embeddings))!;
    const before = await transform(nodePlatform, embeddings, centring(embeddings));
    const after = await transform(nodePlatform, embeddings, whitening);
    expect(meanSquareLength(before, 300)).toBeCloseTo(1, 5);
    expect(meanSquareLength(after, 300)).toBeCloseTo(1, 5);
    const deviations = (features: Float32Array): readonly number[] =>
      Array.from({ length: 30 }, (_, j) =>
        Math.sqrt(features.filter((_value, i) => i % 30 === j).reduce((sum, x) => sum + x * x, 0) / 300),
      );
    const spread = (values: readonly number[]): number => Math.max(...values) / Math.min(...values);
    expect(spread(deviations(after))).toBeLessThan(0.5 * spread(deviations(before)));
    for (let j = 0; j < 30; j++) {
      const mean = after.filter((_value, i) => i % 30 === j).reduce((sum, x) => sum + x, 0) / 300;
      expect(mean).toBeCloseTo(0, 4);
    }
  });

  it("are none where all images have the same embedding", async () => {
    const same: Embeddings = { rows: 250, length: 8, features: new Float32Array(250 * 8).fill(0.3) };
    expect(await halfWhitening(nodePlatform, same)).toBeUndefined();
  });
});

describe("a folded classifier", () => {
  const embeddings = seededExamples({ rows: 400, length: 25, numClasses: 3 });
  const numClasses = 7;
  const parameters = Float32Array.from({ length: 26 * numClasses }, (_, i) => Math.sin(3 * i));
  const transforms: readonly (readonly [string, () => Promise<FeatureTransform>])[] = [
    ["whitened", async () => (await halfWhitening(nodePlatform, embeddings))!],
    ["centred", async () => centring(embeddings)],
  ];

  it.each(transforms)("gives embeddings the logits of their %s features", async (_, made) => {
    const by = await made();
    const features = await transform(nodePlatform, embeddings, by);
    const { weight, bias } = foldTransform(parameters, numClasses, by);
    for (let row = 0; row < 400; row += 13) {
      const z = features.subarray(row * 25, (row + 1) * 25);
      const e = embeddings.features.subarray(row * 25, (row + 1) * 25);
      for (let k = 0; k < numClasses; k++) {
        const expected = z.reduce((sum, x, j) => sum + x * parameters[j * numClasses + k]!, 0);
        const folded = e.reduce((sum, x, j) => sum + x * weight[k * 25 + j]!, bias[k]!);
        expect(folded).toBeCloseTo(expected + parameters[25 * numClasses + k]!, 3);
      }
    }
  });
});
