import { DataError, UsageError } from "../../core/index.ts";
import { noneLabel, sampleImages, type ImageItem, type ImageSource } from "../../data/index.ts";
import { softmax, type ModelPlatform, type ModelSource } from "../../predict/index.ts";
import {
  fitNoneClass,
  headLogits,
  type EmbeddedImages,
  type EmbeddingEngine,
  type Embeddings,
  type HeadEvent,
  type TrainHeadOptions,
} from "../../train/index.ts";

/** What a classifier with a class for none of the others makes of an unlabelled image. */
export interface JudgedImage {
  readonly id: string;
  /** Row of its embedding. */
  readonly row: number;
  /** Of each class, if the image shows one of them: they add up to 1. */
  readonly probabilities: Float32Array;
  /** By how much the greatest of them is above the second; 0 where the classifier cannot tell. */
  readonly margin: number;
  /** Probability that the image shows one of the classes. */
  readonly belongs: number;
}

export interface JudgedImages extends EmbeddingEngine {
  readonly classes: readonly string[];
  /** In the order of the source, without those that have a label meanwhile. */
  readonly images: readonly JudgedImage[];
  /** As the classifier sees them. */
  readonly embeddings: Embeddings;
  /** The images that were looked at. */
  readonly pool: ImageSource;
  readonly counts: JudgedCounts;
}

export interface JudgedCounts {
  readonly labelled: number;
  /** Labelled images that show none of the classes. */
  readonly none: number;
  /** Unlabelled images that were looked at. */
  readonly unlabelled: number;
  /** Those of them that have a label meanwhile. */
  readonly known: number;
}

export interface JudgeImagesOptions extends Omit<
  TrainHeadOptions,
  "classes" | "unlabelled" | "whiteningImages"
> {
  /** Images of the classes; those with the label `none` show none of them. */
  readonly labelled: ImageSource;
  /** Images of any content, whose labels are not looked at. */
  readonly unlabelled: ImageSource;
  /** Most unlabelled images that are looked at, drawn by `seed`. @default 25000 */
  readonly poolImages?: number | undefined;
}

/** What `poolImages` is unless it is given. */
const defaultPool = 25_000;

/** Unlabelled images that stand for none of the classes. */
const noneImages = 2000;
/** Labels that were asked for because they are hard say little of the best strength in cross-validation: it is given. */
const strength = 1e-3;

/**
 * Judges unlabelled images by a classifier of the labelled ones that has one class more, for what is none of the others
 * ({@link fitNoneClass}).
 *
 * @param source The network; its classifier is not looked at.
 * @throws UsageError `semi/settings` for labelled images of fewer than two classes; DataError `data/no-images` where no unlabelled
 *   image can be read, or all have a label; what {@link fitNoneClass} throws.
 */
export async function* judgeImages(
  platform: ModelPlatform,
  source: ModelSource,
  options: JudgeImagesOptions,
): AsyncGenerator<HeadEvent, JudgedImages, undefined> {
  const { labelled, unlabelled, poolImages = defaultPool, seed = 0 } = options;
  const classes = (labelled.classes ?? []).filter((name) => name !== noneLabel);
  if (classes.length < 2) {
    const found = classes.length === 0 ? "none" : classes.join(", ");
    throw new UsageError(
      "semi/settings",
      `expected labelled images of two classes or more, found ${found}. Put them in folders that are named after their classes.`,
    );
  }
  const pool = await sampleImages(unlabelled, poolImages, seed);
  const { parameters, refused, others, ...fit } = yield* fitNoneClass(platform, source, labelled, {
    ...options,
    classes,
    unlabelled: pool,
    whiteningImages: poolImages,
    noneImages,
    strength,
  });
  const rows = unknownRows(others, [fit.labelled, ...(refused ? [refused] : [])]);
  if (rows.length === 0) {
    throw new DataError("data/no-images", "Every unlabelled image has a label already.");
  }
  const logits = await headLogits(platform, others, parameters);
  const width = classes.length + 1;
  return {
    classes,
    images: rows.map((row) => ({
      id: others.ids[row]!,
      row,
      ...judged(logits.subarray(row * width, (row + 1) * width)),
    })),
    embeddings: others,
    engine: others.engine,
    precision: others.precision,
    pool,
    counts: {
      labelled: fit.labelled.rows,
      none: refused?.rows ?? 0,
      unlabelled: others.rows,
      known: others.rows - rows.length,
    },
  };
}

/** @param logits Of the classes, and of none of them. */
function judged(logits: Float32Array): Omit<JudgedImage, "id" | "row"> {
  const none = logits.length - 1;
  const probabilities = softmax(logits.subarray(0, none));
  const [first = 0, second = 0] = probabilities.toSorted().reverse();
  return { probabilities, margin: first - second, belongs: 1 - softmax(logits)[none]! };
}

/** Rows of the images that are none of the known ones, neither by their bytes nor by their path. */
function unknownRows(others: EmbeddedImages, known: readonly EmbeddedImages[]): readonly number[] {
  const ids = new Set(known.flatMap((some) => some.ids));
  const hashes = new Set(known.flatMap((some) => some.hashes.filter((hash) => hash !== undefined)));
  return [...others.ids.keys()].filter((row) => {
    const hash = others.hashes[row];
    return !ids.has(others.ids[row]!) && (hash === undefined || !hashes.has(hash));
  });
}

/** The images with these ids, without the labels that they may have. */
export async function imagesOf(
  source: ImageSource,
  ids: ReadonlySet<string>,
): Promise<ReadonlyMap<string, ImageItem>> {
  const found = new Map<string, ImageItem>();
  for await (const { id, content } of source) if (ids.has(id)) found.set(id, { id, content });
  return found;
}
