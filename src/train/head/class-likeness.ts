import { deriveSeed, seededRandom } from "../../core/index.ts";
import { noneLabel, type ImageSource } from "../../data/index.ts";
import { ascending, shuffle, stream } from "../../data/loader/epoch-order.ts";
import type { ModelPlatform, ModelSource } from "../../predict/index.ts";
import { transform, type Embeddings } from "./feature-transform.ts";
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
  const seen = async <Some extends Embeddings>(some: Some): Promise<Some> => ({
    ...some,
    features: await transform(platform, some, views[0]!.by),
  });
  const share = shareOfClasses(await seen(labelled), await seen(unlabelled), options.seed);
  return share === undefined ? undefined : { share, images: unlabelled.rows };
}

/**
 * How like the classes an image is, is its largest cosine with the mean of a class. A labelled image, left out of its mean, is
 * passed by some of the others. Were all of these of the classes, half of them would pass the median labelled image: twice the share
 * that passes it is the share of the classes among them, as long as few of the rest pass it.
 */
export function shareOfClasses(labelled: Examples, others: Embeddings, seed = 0): number | undefined {
  const { length, features, labels, numClasses } = labelled;
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
  const lengths = rows.map((row) => Math.sqrt(dot(row, row)) || 1);
  // Cosines but for the length of the image, which is the same for all means.
  const withMeans = rows.map((row) => sums.map((sum) => dot(sum, row)));
  const norms = sums.map((sum) => Math.sqrt(dot(sum, sum)) || 1);
  const passing = Array.from(judged, (row) => {
    const own = features.subarray(row * length, (row + 1) * length);
    const label = labels[row]!;
    const left = sums[label]!.map((value, j) => value - own[j]!);
    const leftNorm = Math.sqrt(dot(left, left)) || 1;
    const nearest = (products: readonly number[], ownProduct: number): number =>
      products.reduce(
        (most, product, k) =>
          Math.max(most, (k === label ? ownProduct : product) / (k === label ? leftNorm : norms[k]!)),
        -Infinity,
      );
    const ownLength = Math.sqrt(dot(own, own)) || 1;
    const likeness =
      nearest(
        sums.map((sum) => dot(sum, own)),
        dot(left, own),
      ) / ownLength;
    let passed = 0;
    for (const [index, products] of withMeans.entries()) {
      const other = rows[index]!;
      if (nearest(products, products[label]! - dot(own, other)) / lengths[index]! >= likeness) passed++;
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
