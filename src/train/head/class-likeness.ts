import { deriveSeed, seededRandom } from "../../core/index.ts";
import { noneLabel, type ImageSource } from "../../data/index.ts";
import { ascending, shuffle, stream } from "../../data/loader/epoch-order.ts";
import type { ModelPlatform, ModelSource } from "../../predict/index.ts";
import { asSeen, type Embeddings } from "./feature-transform.ts";
import type { Examples } from "./head-objective.ts";
import { classSums, withLabel } from "./none-class.ts";
import { embedData, type TrainHeadOptions } from "./train-head.ts";

/** How many of some images look like one of the classes. */
export interface ClassLikeness {
  /** Estimated share of them, 0 to 1. */
  readonly share: number;
  /** Images that were looked at. */
  readonly images: number;
}

/** Labelled images that are compared; more make the estimate no better than the images beside them allow. */
const mostLabelled = 500;

/**
 * Estimates how many of the unlabelled images show one of the classes, before anything is trained: by the embeddings of the network,
 * seen as a classifier of the labels would see them.
 *
 * @param source The network; its classifier is not looked at.
 * @param images The labelled images; those with the label `none` show none of the classes.
 * @returns undefined where it cannot be told: every class has a single image, or no unlabelled image can be read.
 * @throws what `trainHead` throws for images and models.
 */
export async function classLikeness(
  platform: ModelPlatform,
  source: ModelSource,
  images: ImageSource,
  options: TrainHeadOptions & { readonly unlabelled: ImageSource },
): Promise<ClassLikeness | undefined> {
  const classes = options.classes.filter((name) => name !== noneLabel);
  const known = withLabel(images, (label) => label !== noneLabel);
  const embedding = embedData(platform, source, known, { ...options, classes });
  let next = await embedding.next();
  while (!next.done) next = await embedding.next();
  const { labelled, unlabelled, views } = next.value;
  if (!unlabelled?.rows) return undefined;
  const { by } = views[0]!;
  const [own, others] = [await asSeen(platform, labelled, by), await asSeen(platform, unlabelled, by)];
  const share = shareOfClasses(own, others, options.seed);
  return share === undefined ? undefined : { share, images: unlabelled.rows };
}

/**
 * How like the classes an image is, is its largest cosine with the mean of a class. A labelled image, left out of its mean, is
 * passed by some of the others. Were all of these of the classes, half of them would pass the median labelled image: twice the share
 * that passes it is the share of the classes among them, as long as few of the rest pass it.
 */
export function shareOfClasses(labelled: Examples, others: Embeddings, seed = 0): number | undefined {
  const { length, labels, numClasses } = labelled;
  const sums = classSums(labelled);
  const counts = new Uint32Array(numClasses);
  for (const label of labels) counts[label]!++;
  const random = seededRandom(deriveSeed(stream.likeness, seed));
  // What is the only one of its class has no mean to be compared with.
  const judged = shuffle(ascending(labelled.rows), random)
    .filter((row) => counts[labels[row]!]! > 1)
    .subarray(0, mostLabelled);
  if (judged.length === 0) return undefined;

  const rowOf = (some: Embeddings, row: number): Float32Array =>
    some.features.subarray(row * length, (row + 1) * length);
  const rows = Array.from({ length: others.rows }, (_, row) => rowOf(others, row));
  const lengths = rows.map(lengthOf);
  // Cosines but for the length of the image, which is the same for all means.
  const withMeans = rows.map((row) => sums.map((sum) => dot(sum, row)));
  const sumLengths = sums.map(lengthOf);
  const passing = Array.from(judged, (row) => {
    const own = rowOf(labelled, row);
    const label = labels[row]!;
    const left = sums[label]!.map((value, j) => value - own[j]!);
    const leftLength = lengthOf(left);
    /** @param withLeft The product with the sum of the class of the labelled image, which is left out of it. */
    const nearest = (products: readonly number[], withLeft: number): number =>
      products.reduce(
        (most, product, k) => Math.max(most, k === label ? withLeft / leftLength : product / sumLengths[k]!),
        -Infinity,
      );
    const withOwn = sums.map((sum) => dot(sum, own));
    const likeness = nearest(withOwn, dot(left, own)) / lengthOf(own);
    let passed = 0;
    for (const [index, products] of withMeans.entries()) {
      const withLeft = products[label]! - dot(own, rows[index]!);
      if (nearest(products, withLeft) / lengths[index]! >= likeness) passed++;
    }
    return passed / rows.length;
  }).sort((a, b) => a - b);
  const middle = (passing[(passing.length - 1) >> 1]! + passing[passing.length >> 1]!) / 2;
  return Math.min(1, 2 * middle);
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let j = 0; j < b.length; j++) sum += a[j]! * b[j]!;
  return sum;
}

/** 1 for a vector of zeros. */
const lengthOf = (vector: ArrayLike<number>): number => Math.sqrt(dot(vector, vector)) || 1;
