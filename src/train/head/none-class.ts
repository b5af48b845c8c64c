import { DataError, deriveSeed, seededRandom } from "../../core/index.ts";
import { noneLabel, type ImageItem, type ImageSource } from "../../data/index.ts";
import { ascending, shuffle, stream } from "../../data/loader/epoch-order.ts";
import type { ModelPlatform, ModelSource } from "../../predict/index.ts";
import { openEmbedder, type EmbeddedImages } from "./embed-images.ts";
import { asSeen, foldTransform, type Embeddings, type FeatureTransform } from "./feature-transform.ts";
import type { Examples } from "./head-objective.ts";
import {
  bestFit,
  embedData,
  fitExamples,
  skipped,
  withHead,
  type EmbeddedData,
  type HeadEvent,
  type TrainHeadOptions,
  type View,
} from "./train-head.ts";

export interface NoneClassOptions extends TrainHeadOptions {
  /** Images of any content, some of which show none of the classes. */
  readonly unlabelled: ImageSource;
  /** Most of them that stand for none of the classes; half of those that are looked at, if these are fewer. */
  readonly noneImages: number;
  /**
   * Strength of the L2 penalty on half-whitened embeddings, where there are enough unlabelled images for these.
   *
   * @default that of `trainHead` on the embeddings that it takes, found by cross-validation
   */
  readonly strength?: number | undefined;
}

/** The network with a classifier that has one class more, the last one: none of the others. */
export interface NoneClass extends ModelSource {
  /** Labelled images that it was fitted to, unlabelled ones that were looked at, and those of them that stand for none. */
  readonly counts: { readonly labelled: number; readonly unlabelled: number; readonly none: number };
}

/**
 * Trains a classifier that tells images of the classes from others ({@link fitNoneClass}); where images have the label `none`, its
 * last class is called so.
 *
 * @param source The network, with a classifier for the classes, whose weights are not looked at.
 * @throws DataError `data/no-images` without an unlabelled image that can be read; what `trainHead` throws.
 */
export async function* trainNoneClass(
  platform: ModelPlatform,
  source: ModelSource,
  images: ImageSource,
  options: NoneClassOptions,
): AsyncGenerator<HeadEvent, NoneClass, undefined> {
  const { labelled, refused, others, none, parameters, by } = yield* fitNoneClass(
    platform,
    source,
    images,
    options,
  );
  const numClasses = options.classes.length + 1;
  const description = {
    ...source.description,
    config: { ...source.description.config, numClasses },
    classes: [...options.classes, refused ? noneLabel : "none of these"],
  };
  const head = foldTransform(parameters, numClasses, by);
  return {
    ...(await withHead(platform, { ...source, description }, head)),
    counts: { labelled: labelled.rows, unlabelled: others.rows, none },
  };
}

/** A classifier with a class for what is none of the others, and the images that it was fitted to as it sees them. */
export interface NoneClassFit {
  readonly labelled: EmbeddedImages;
  /** Labelled images that show none of the classes; undefined where no label says so. */
  readonly refused: EmbeddedImages | undefined;
  /** The unlabelled images that were looked at. */
  readonly others: EmbeddedImages;
  /** How many of them stand for none of the classes. */
  readonly none: number;
  /** Weight [features, classes + 1] and bias [classes + 1]. */
  readonly parameters: Float32Array<ArrayBuffer>;
  /** How it sees embeddings; the features above are seen so. */
  readonly by: FeatureTransform;
}

/** A weaker penalty than this believes every image of a class that is given by chance. */
const leastStrength = 1e-4;

/**
 * Fits a classifier that tells images of the classes from others: random unlabelled images out of the half that is least like the
 * mean of any class stand for them, and images with the label `none`. Ranked by the probability of a class, images that show
 * something else come late, however much more they look like this class than like the other ones.
 *
 * Each class has the same weight, and so have the random images, and those with the label `none` together, if they are 8 or more.
 *
 * @throws DataError `data/no-images` without an unlabelled image that can be read; what `trainHead` throws.
 */
export async function* fitNoneClass(
  platform: ModelPlatform,
  source: ModelSource,
  images: ImageSource,
  options: NoneClassOptions,
): AsyncGenerator<HeadEvent, NoneClassFit, undefined> {
  const { noneImages, seed = 0, signal } = options;
  // Where `none` is one of the classes, it is a class as any other.
  const hasRefused = !options.classes.includes(noneLabel) && images.classes?.includes(noneLabel);
  const known = hasRefused ? withLabel(images, (label) => label !== noneLabel) : images;
  const { embedded, labelled, unlabelled, view, strength } = yield* viewOf(platform, source, known, options);
  const { by, features } = view;
  if (!unlabelled?.rows) {
    throw new DataError("data/no-images", "No unlabelled image can be read: there is nothing to rank.");
  }
  const seen = <E extends Embeddings>(some: E): Promise<E> => asSeen(platform, some, by);
  const given = await seen({ ...embedded, ...labelled });
  const others = await seen(unlabelled);
  const { engine } = embedded;
  const refused = hasRefused
    ? await seen(await embedRefused(platform, source, images, { ...options, engine }))
    : undefined;
  if (refused) yield* skipped(refused.unreadable);
  const rows = foreignRows(given, others, { count: noneImages, seed });
  const { weights, ...examples } = withNone(given, others, rows, refused);
  const all = yield* fitExamples(platform, features, examples, new Int32Array(examples.rows).fill(-1), {
    strengths: [Math.max(strength, leastStrength)],
    weights,
    signal,
  });
  return { labelled: given, refused, others, none: rows.length, parameters: all.parameters, by };
}

/** The embeddings, how the classifier sees them, and the strength of its penalty. */
async function* viewOf(
  platform: ModelPlatform,
  source: ModelSource,
  images: ImageSource,
  options: NoneClassOptions,
): AsyncGenerator<
  HeadEvent,
  Omit<EmbeddedData, "views"> & { readonly view: View; readonly strength: number },
  undefined
> {
  const { strength } = options;
  if (strength === undefined) {
    const { by, features, fit, ...data } = yield* bestFit(platform, source, images, options);
    return { ...data, view: { by, features }, strength: fit.l2 };
  }
  const { views, ...data } = yield* embedData(platform, source, images, options);
  return { ...data, view: views[0]!, strength };
}

/** The images of a source whose label is one of these, or is not. */
export function withLabel(
  images: ImageSource,
  isWanted: (label: string | undefined) => boolean,
): ImageSource {
  return {
    classes: images.classes?.filter(isWanted),
    size: undefined,
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      for await (const item of images) if (isWanted(item.label)) yield item;
    },
  };
}

async function embedRefused(
  platform: ModelPlatform,
  source: ModelSource,
  images: ImageSource,
  options: NoneClassOptions,
): Promise<EmbeddedImages> {
  await using embedder = await openEmbedder(platform, source, options);
  return await embedder.embed(withLabel(images, (label) => label === noneLabel));
}

interface ForeignOptions {
  readonly count: number;
  readonly seed: number;
}

/** Rows that are drawn from the half of the others that is least like the mean of any class, by the cosine; ascending. */
export function foreignRows(
  labelled: Examples,
  others: Embeddings,
  { count, seed }: ForeignOptions,
): Uint32Array {
  const means = classSums(labelled);
  const nearest = Float64Array.from({ length: others.rows }, (_, row) => {
    const own = others.features.subarray(row * others.length, (row + 1) * others.length);
    return means.reduce((most, mean) => Math.max(most, cosine(mean, own)), -1);
  });
  const half = ascending(others.rows)
    .sort((a, b) => nearest[a]! - nearest[b]! || a - b)
    .subarray(0, Math.ceil(others.rows / 2));
  const random = seededRandom(deriveSeed(stream.none, seed));
  return shuffle(half, random).subarray(0, count).toSorted();
}

/** The sum over the examples of each class, which has the direction of their mean. */
export function classSums({ rows, length, features, labels, numClasses }: Examples): readonly Float64Array[] {
  const sums = Array.from({ length: numClasses }, () => new Float64Array(length));
  for (let row = 0; row < rows; row++) {
    const sum = sums[labels[row]!]!;
    for (let j = 0; j < length; j++) sum[j]! += features[row * length + j]!;
  }
  return sums;
}

function cosine(a: Float64Array, b: Float32Array): number {
  let [product, left, right] = [0, 0, 0];
  for (let j = 0; j < a.length; j++) {
    product += a[j]! * b[j]!;
    left += a[j]! * a[j]!;
    right += b[j]! * b[j]!;
  }
  return product / (Math.sqrt(left * right) || 1);
}

/** Images that somebody has refused have the weight of a class together, from so many on. */
const refusedOfClass = 8;

/**
 * The labelled examples, and as those of one class more some rows of the others, and all that were refused; with the weights of
 * them.
 */
function withNone(
  labelled: Examples,
  others: Embeddings,
  none: Uint32Array,
  refused: Embeddings | undefined,
): Examples & { readonly weights: Float64Array } {
  const { rows: own, length, numClasses } = labelled;
  const given = refused?.rows ?? 0;
  const rows = own + none.length + given;
  const features = new Float32Array(rows * length);
  features.set(labelled.features);
  none.forEach((row, index) => {
    features.set(others.features.subarray(row * length, (row + 1) * length), (own + index) * length);
  });
  if (refused) features.set(refused.features, (own + none.length) * length);
  const labels = new Int32Array(rows).fill(numClasses);
  labels.set(labelled.labels);
  const counts = new Float64Array(numClasses);
  for (const label of labelled.labels) counts[label]!++;
  const weights = Float64Array.from(labels, (label, row) => {
    if (row < own) return 1 / counts[label]!;
    return row < own + none.length ? 1 / none.length : 1 / Math.max(given, refusedOfClass);
  });
  return { rows, length, numClasses: numClasses + 1, features, labels, weights };
}
