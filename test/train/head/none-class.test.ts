import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../../src/core/index.ts";
import type { ImageSource } from "../../../src/data/index.ts";
import { family } from "../../../src/nn/index.ts";
import { openImages } from "../../../src/node/library.ts";
import { nodeTrainingPlatform } from "../../../src/node/training.ts";
import type { ModelSource } from "../../../src/predict/index.ts";
import {
  trainHead,
  transform,
  trainNoneClass,
  type HeadEvent,
  type NoneClass,
} from "../../../src/train/index.ts";
import { openEmbedder, type EmbeddedImages } from "../../../src/train/head/embed-images.ts";
import { foreignRows } from "../../../src/train/head/none-class.ts";
import { bestFit } from "../../../src/train/head/train-head.ts";
import { colours, writeColouredImages } from "../../support/coloured-images.ts";
import { referenceMissing, runReference } from "../../support/reference.ts";
import { smallNetwork } from "../../support/small-network.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const folder = temporaryFolder();
const classes = [...colours];
const network = smallNetwork({ classes });
const cache = join(folder, "cache");
let images: ImageSource;

/** Images of the classes, and twice as many of noise with any mean. */
async function mixture(name: string, imagesPerClass: number): Promise<ImageSource> {
  const out = join(folder, name);
  await writeColouredImages(out, imagesPerClass, 4);
  mkdirSync(join(out, "foreign"));
  const random = seededRandom(9);
  for (let i = 0; i < 6 * imagesPerClass; i++) {
    const means = [0, 0, 0].map(() => 255 * random.uniform());
    const pixels = Uint8Array.from({ length: 20 * 20 * 3 }, (_, at) =>
      Math.min(255, Math.max(0, means[at % 3]! + 120 * (random.uniform() - 0.5))),
    );
    const noise = sharp(pixels, { raw: { width: 20, height: 20, channels: 3 } }).png();
    writeFileSync(join(out, "foreign", `${i}.png`), await noise.toBuffer());
  }
  return openImages([out]);
}

async function ended<Result>(running: AsyncGenerator<HeadEvent, Result, undefined>): Promise<Result> {
  let next = await running.next();
  while (!next.done) next = await running.next();
  return next.value;
}

const fitted = (unlabelled: ImageSource, noneImages: number, seed = 0): Promise<NoneClass> =>
  ended(
    trainNoneClass(nodeTrainingPlatform, network, images, { classes, cache, unlabelled, noneImages, seed }),
  );

/** The softmax probabilities that a classifier gives embeddings. */
async function probabilitiesOf(
  source: ModelSource,
  { rows, length, features }: EmbeddedImages,
): Promise<readonly (readonly number[])[]> {
  const [weight, bias] = await source.withWeights(async (weights) =>
    Promise.all(
      [family.classifier.weight, family.classifier.bias].map(
        async (name) => (await weights.get(name)!.load()).data as Float32Array,
      ),
    ),
  );
  return Array.from({ length: rows }, (_, row) => {
    const own = features.subarray(row * length, (row + 1) * length);
    const logits = Array.from(bias!, (offset, k) =>
      own.reduce((sum, value, j) => sum + value * weight![k * length + j]!, offset),
    );
    const largest = Math.max(...logits);
    const powers = logits.map((logit) => Math.exp(logit - largest));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / total);
  });
}

beforeAll(async () => {
  const data = join(folder, "data");
  await writeColouredImages(data, 8);
  images = await openImages([data]);
});

const missing = referenceMissing("torch", "numpy");

describe("a class for what is none of the others", () => {
  it.skipIf(missing).each([
    ["half-whitened embeddings", 30, 100],
    ["embeddings as they are, where few say nothing of how they vary", 8, 1000],
  ])(
    `is that of NumPy and PyTorch on %s${missing ? ` (${missing})` : ""}`,
    async (_, imagesPerClass, count) => {
      const unlabelled = await mixture(`mixture-${imagesPerClass}`, imagesPerClass);
      const found = await fitted(unlabelled, count);
      expect(found.description).toMatchObject({
        classes: [...classes, "none of these"],
        config: { numClasses: 4 },
      });
      const total = 9 * imagesPerClass;
      const expectedCount = Math.min(count, Math.ceil(total / 2));
      expect(found.counts).toEqual({ labelled: 24, unlabelled: total, none: expectedCount });

      const best = await ended(
        bestFit(nodeTrainingPlatform, network, images, { classes, cache, unlabelled }),
      );
      const others = best.unlabelled!;
      const seen = {
        known: await transform(nodeTrainingPlatform, best.labelled, best.by),
        others: await transform(nodeTrainingPlatform, others, best.by),
      };
      const none = foreignRows(
        { ...best.labelled, features: seen.known },
        { ...others, features: seen.others },
        { count, seed: 0 },
      );
      expect(none).toHaveLength(expectedCount);
      const files = {
        known: seen.known,
        labels: best.labelled.labels,
        others: seen.others,
        none: Int32Array.from(none),
      };
      const paths = Object.entries(files).map(([name, values]) => {
        const path = join(folder, `${imagesPerClass}-${name}`);
        writeFileSync(path, values);
        return path;
      });
      const strength = Math.max(1e-4, best.fit.l2);
      const expected = runReference("none_class.py", [...paths, `${others.length}`, "3", `${strength}`]) as {
        readonly half: readonly number[];
        readonly probabilities: readonly (readonly number[])[];
      };
      const half = new Set(expected.half);
      expect([...none].filter((row) => !half.has(row))).toEqual([]);
      const probabilities = await probabilitiesOf(found, others);
      probabilities.forEach((own, row) =>
        expected.probabilities[row]!.forEach((value, k) => expect(own[k]).toBeCloseTo(value, 2)),
      );
    },
  );

  it("ranks what shows something else later than the classes alone do", async () => {
    const unlabelled = await mixture("ranked", 30);
    const options = { classes, cache, unlabelled };
    await using embedder = await openEmbedder(nodeTrainingPlatform, network, { cache });
    const embedded = await embedder.embed(unlabelled, ({ label }) => (label === "foreign" ? 0 : 1));
    /** The share of images of the classes, which are a third of all, in the first 60 of a ranking. */
    const precision = async (source: ModelSource): Promise<number> => {
      const best = (await probabilitiesOf(source, embedded)).map((own) => Math.max(...own.slice(0, 3)));
      const first = [...best.keys()].sort((a, b) => best[b]! - best[a]!).slice(0, 60);
      return first.filter((row) => embedded.labels[row] === 1).length / 60;
    };
    const plain = await precision(await ended(trainHead(nodeTrainingPlatform, network, images, options)));
    const withNone = await precision(await fitted(unlabelled, 100));
    expect(withNone).toBeGreaterThan(plain + 0.1);
  });

  it("is drawn by the seed, and the same again", async () => {
    const unlabelled = await mixture("seeds", 10);
    const weights = async (seed: number): Promise<string> => {
      const found = await fitted(unlabelled, 20, seed);
      return found.withWeights(async (all) => String((await all.get(family.classifier.weight)!.load()).data));
    };
    const first = await weights(0);
    expect(await weights(0)).toBe(first);
    expect(await weights(1)).not.toBe(first);
  });

  it("needs an image that can be read", async () => {
    const broken = join(folder, "broken");
    mkdirSync(broken);
    writeFileSync(join(broken, "broken.png"), "no image");
    await expect(fitted(await openImages([broken]), 10)).rejects.toMatchObject({ code: "data/no-images" });
  });
});
