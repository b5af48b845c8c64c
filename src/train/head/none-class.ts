import { DataError, deriveSeed, seededRandom } from "../../core/index.ts";
import type { ImageSource } from "../../data/index.ts";
import { ascending, shuffle, stream } from "../../data/loader/epoch-order.ts";
import type { ModelPlatform, ModelSource } from "../../predict/index.ts";
import { foldTransform, transform, type Embeddings } from "./feature-transform.ts";
import type { Examples } from "./head-objective.ts";
import { bestFit, fitExamples, withHead, type HeadEvent, type TrainHeadOptions } from "./train-head.ts";

export interface TrainNoneClassOptions extends TrainHeadOptions {
  /** Images of any content, some of which show none of the classes. */
  readonly unlabelled: ImageSource;
  /** Most of them that stand for none of the classes; half of those that are looked at, if these are fewer. */
  readonly noneImages: number;
}

/** The network with a classifier that has one class more, the last one: none of the others. */
export interface NoneClass extends ModelSource {
  /** Labelled images that it was fitted to, unlabelled ones that were looked at, and those of them that stand for none. */
  readonly counts: { readonly labelled: number; readonly unlabelled: number; readonly none: number };
}

/** A weaker penalty than this believes every image of a class that is given by chance. */
const leastStrength = 1e-4;

/**
 * Fits a classifier that tells images of the classes from others, of which nobody has labelled any: random images out of the
 * half that is least like the mean of any class stand for them. Ranked by the probability of a class, images that show
 * something else come late, however much more they look like this class than like the other ones.
 *
 * The classifier sees embeddings as that of {@link trainHead} does, with the same strength of the penalty; each class, and what is
 * none of them, has the same weight.
 *
 * @param source The network, with a classifier for the classes, whose weights are not looked at.
 * @throws DataError `data/no-images` without an unlabelled image that can be read; what `trainHead` throws.
 */
export async function* trainNoneClass(
  platform: ModelPlatform,
  source: ModelSource,
  images: ImageSource,
  options: TrainNoneClassOptions,
): AsyncGenerator<HeadEvent, NoneClass, undefined> {
  const { classes, noneImages, seed = 0, signal } = options;
  const { labelled, unlabelled, by, features, fit } = yield* bestFit(platform, source, images, options);
  if (!unlabelled?.rows) {
    throw new DataError("data/no-images", "No unlabelled image can be read: there is nothing to rank.");
  }
  const known = { ...labelled, features: await transform(platform, labelled, by) };
  const others = { ...unlabelled, features: await transform(platform, unlabelled, by) };
  const none = foreignRows(known, others, { count: noneImages, seed });
  const examples = withNone(known, others, none);
  const all = yield* fitExamples(platform, features, examples, new Int32Array(examples.rows).fill(-1), {
    strengths: [Math.max(fit.l2, leastStrength)],
    classBalanced: true,
    signal,
  });
  const description = {
    ...source.description,
    config: { ...source.description.config, numClasses: examples.numClasses },
    classes: [...classes, "none of these"],
  };
  const head = foldTransform(all.parameters, examples.numClasses, by);
  return {
    ...(await withHead(platform, { ...source, description }, head)),
    counts: { labelled: known.rows, unlabelled: others.rows, none: none.length },
  };
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

/** The labelled examples, and some of the others as those of one class more. */
function withNone(labelled: Examples, others: Embeddings, none: Uint32Array): Examples {
  const { rows, length, numClasses } = labelled;
  const features = new Float32Array((rows + none.length) * length);
  features.set(labelled.features);
  none.forEach((row, index) => {
    features.set(others.features.subarray(row * length, (row + 1) * length), (rows + index) * length);
  });
  const labels = new Int32Array(rows + none.length).fill(numClasses);
  labels.set(labelled.labels);
  return { rows: labels.length, length, numClasses: numClasses + 1, features, labels };
}
