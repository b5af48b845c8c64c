import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { stratifiedFolds } from "../../../src/data/index.ts";
import { nodePlatform } from "../../../src/node/platform.ts";
import {
  fitHead,
  headObjective,
  centring,
  transform,
  type Examples,
  type FitHeadOptions,
  type HeadFit,
  type StrengthTried,
} from "../../../src/train/index.ts";
import { openHeadSession, seededExamples } from "../../support/head-examples.ts";
import { referenceMissing, runReference } from "../../support/reference.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** Embeddings as a head is fitted on them without others: centred, of mean square length 1. */
async function seededFeatures(sizes: Pick<Examples, "rows" | "length" | "numClasses">): Promise<Examples> {
  const examples = seededExamples(sizes);
  return { ...examples, features: await transform(nodePlatform, examples, centring(examples)) };
}

interface FitOptions extends FitHeadOptions {
  readonly heads?: number;
  readonly smoothing?: number;
}

async function fit(
  examples: Examples,
  { heads = 1, smoothing, ...options }: FitOptions,
): Promise<{ readonly tried: readonly StrengthTried[]; readonly fit: HeadFit }> {
  const session = await openHeadSession(examples, { heads, smoothing });
  try {
    const tried: StrengthTried[] = [];
    const running = fitHead(headObjective(session, examples, heads), examples, options);
    for (;;) {
      const next = await running.next();
      if (next.done) return { tried, fit: next.value };
      tried.push(next.value);
    }
  } finally {
    await session.release();
  }
}

const none = ({ rows }: Examples): Int32Array => new Int32Array(rows).fill(-1);

const missing = referenceMissing("torch", "numpy");

describe.skipIf(missing)(`a fitted head against PyTorch${missing ? ` (${missing})` : ""}`, () => {
  const folder = temporaryFolder();

  it.each([
    { rows: 300, length: 40, numClasses: 2, l2: 0.1 },
    { rows: 300, length: 400, numClasses: 7, l2: 0.001 },
    { rows: 5000, length: 30, numClasses: 10, l2: 0.0001 },
    { rows: 300, length: 40, numClasses: 3, l2: 0.001, smoothing: 0.2 },
    { rows: 300, length: 40, numClasses: 3, l2: 0.001, classBalanced: true },
    { rows: 300, length: 40, numClasses: 3, l2: 0.01, smoothing: 0.1, classBalanced: true },
  ])("%j", async ({ l2, smoothing = 0, classBalanced = false, ...sizes }) => {
    const examples = await seededFeatures(sizes);
    const { rows, length, numClasses, features, labels } = examples;
    // Classes of very different size, where that is to make a difference.
    if (classBalanced) for (let row = 0; row < rows; row++) if (row % 10 > 0) labels[row] = 0;
    const files = [join(folder, "features"), join(folder, "labels")] as const;
    writeFileSync(files[0], features);
    writeFileSync(files[1], labels);
    const weights = classBalanced ? "balanced" : "equal";
    const settings = [...files, length, numClasses, l2, smoothing, weights].map(String);
    const expected = runReference("logistic_regression.py", settings) as {
      readonly penalised: number;
      readonly logits: readonly number[];
    };

    const found = await fit(examples, { strengths: [l2], folds: none(examples), classBalanced, smoothing });
    const { parameters } = found.fit;
    const logits = Array.from({ length: numClasses }, (_, k) =>
      features
        .subarray(0, length)
        .reduce(
          (sum, x, j) => sum + x * parameters[j * numClasses + k]!,
          parameters[length * numClasses + k]!,
        ),
    );
    logits.forEach((logit, k) => expect(logit).toBeCloseTo(expected.logits[k]!, 1));
    if (smoothing > 0 || classBalanced) return;
    const squares = parameters.subarray(0, length * numClasses).reduce((sum, x) => sum + x * x, 0);
    const penalised = found.fit.loss + (l2 / 2) * squares;
    expect(penalised).toBeGreaterThan(expected.penalised * (1 - 1e-6));
    expect(penalised).toBeLessThan(expected.penalised * (1 + 1e-4));
  });
});

describe("cross-validation", async () => {
  const examples = await seededFeatures({ rows: 240, length: 200, numClasses: 4 });
  // Wrong labels punish fits that believe them.
  for (let row = 0; row < 240; row += 4) examples.labels[row] = (row / 4) % 4;
  const folds = stratifiedFolds(examples.labels, 5, 0);
  const strengths = [1, 0.1, 0.01, 1e-3, 1e-4, 1e-5];

  it("takes the strength with the least loss on images that the fits had not seen", async () => {
    const { tried, fit: found } = await fit(examples, { strengths, folds, heads: 5 });
    const best = tried.reduce((a, b) => (b.loss < a.loss ? b : a));
    expect(found.l2).toBe(best.l2);
    expect(best.l2).toBeGreaterThan(tried.at(-1)!.l2);
    expect(best.l2).toBeLessThan(1);
    expect(found.heldOut.rows).toEqual(Uint32Array.from({ length: 240 }, (_, row) => row));
    const mean = found.heldOut.loss.reduce((sum, loss) => sum + loss, 0) / 240;
    expect(mean).toBeCloseTo(best.loss, 1);
    expect(found.loss).toBeLessThan(mean);
  });

  it("ends when the loss has risen twice", async () => {
    const more = [0.01, 1e-5, 1e-6, 1e-7, 1e-8];
    expect((await fit(examples, { strengths: more, folds, heads: 5 })).tried).toHaveLength(3);
  });

  it("judges each image by a fit that has not seen it", async () => {
    const wrong = examples.labels.map((label, row) => (folds[row] === 2 ? 0 : label));
    const [right, relabelled] = await Promise.all(
      [examples.labels, wrong].map((labels) =>
        fit({ ...examples, labels }, { strengths: [1e-3], folds, heads: 5 }),
      ),
    );
    const change = (isRow: (row: number) => boolean): number =>
      right!.fit.heldOut.probability.reduce(
        (most, value, row) =>
          isRow(row) ? Math.max(most, Math.abs(value - relabelled!.fit.heldOut.probability[row]!)) : most,
        0,
      );
    // The fits of all folds end together, each within a small share of its minimum.
    expect(change((row) => folds[row] === 2)).toBeLessThan(0.02);
    expect(change((row) => folds[row] !== 2)).toBeGreaterThan(0.2);
  });

  it("gives the same when fewer folds are fitted at once", async () => {
    const [all, two] = await Promise.all(
      [5, 2].map((heads) => fit(examples, { strengths: [1e-3], folds, heads })),
    );
    for (let row = 0; row < 240; row++) {
      expect(two!.fit.heldOut.loss[row]).toBeCloseTo(all!.fit.heldOut.loss[row]!, 1);
    }
    const difference = two!.fit.parameters.map((value, i) => value - all!.fit.parameters[i]!);
    const norm = (values: Float32Array): number => Math.hypot(...values);
    expect(norm(difference)).toBeLessThan(0.02 * norm(all!.fit.parameters));
  });

  it("ends with the same bits again", async () => {
    const [first, again] = [
      await fit(examples, { folds, heads: 5 }),
      await fit(examples, { folds, heads: 5 }),
    ];
    expect(again.fit).toEqual(first.fit);
  });

  it("weighs classes alike when they are to be balanced", async () => {
    const rare = {
      ...examples,
      labels: examples.labels.map((_, row) =>
        row % 20 === 0 ? 1 : row % 40 === 7 ? 2 : row % 40 === 9 ? 3 : 0,
      ),
    };
    const rareFolds = stratifiedFolds(rare.labels, 5, 0);
    const recall = async (classBalanced: boolean): Promise<number> => {
      const { heldOut } = (await fit(rare, { folds: rareFolds, heads: 5, classBalanced })).fit;
      return heldOut.predicted.filter((predicted) => predicted !== 0).length;
    };
    expect(await recall(true)).toBeGreaterThan(await recall(false));
  });

  it("leaves the middle strength without folds", async () => {
    const found = await fit(examples, { strengths: [1, 0.01, 0.001], folds: none(examples) });
    expect(found.tried).toEqual([]);
    expect(found.fit).toMatchObject({ l2: 0.01, heldOut: { rows: new Uint32Array() } });
  });
});

describe("features that say nothing", () => {
  it("get no weight", async () => {
    const examples = seededExamples({ rows: 60, length: 5, numClasses: 3 });
    for (let row = 0; row < 60; row++) examples.features[row * 5 + 2] = 0;
    const { fit: found } = await fit(examples, { strengths: [0.1], folds: none(examples) });
    expect(found.parameters.subarray(2 * 3, 3 * 3)).toEqual(new Float32Array(3));
  });
});
