import { DataError, ImageError } from "../../core/index.ts";
import { mapClasses } from "../class-mapping.ts";
import type { ImageItem } from "../image-source.ts";
import { sortNaturally } from "../natural-order.ts";
import type { IndexedImages } from "./image-index.ts";
import type { SkippedImage } from "./training-loader.ts";

/** Class names in the order of the targets' columns, and the class of each image. */
export interface TrainingLabels {
  readonly classes: readonly string[];
  readonly labels: Uint32Array<ArrayBuffer>;
}

/** Class names that come with the data or from the caller. */
export interface KnownClasses {
  /** All classes of the source, those without images among them. */
  readonly found: readonly string[] | undefined;
  /** The classes that the caller wants, in this order, instead of the natural order of those found. */
  readonly wanted: readonly string[] | undefined;
  /** Whether classes may have no images. @default false */
  readonly mayBeEmpty?: boolean | undefined;
  /** So many images, the first ones, are those that each class has to have. @default all */
  readonly trueLabels?: number | undefined;
}

/**
 * Numbers the labels of a data set whose images all have one.
 *
 * @throws DataError `data/no-images`, `data/empty-classes` for classes without images, `data/class-mismatch` for labels that
 *   are none of the wanted classes.
 */
export function trainingLabels(
  images: IndexedImages,
  { found, wanted, mayBeEmpty = false, trueLabels }: KnownClasses,
): TrainingLabels {
  checkNotEmpty(images.index);
  const classes = wanted ?? sortNaturally(new Set([...images.labelNames, ...(found ?? [])]));
  const indexOf = wanted
    ? mapClasses(images.labelNames, wanted)
    : new Map(classes.map((name, index) => [name, index]));
  const classOf = Uint32Array.from(images.labelNames, (name) => indexOf.get(name)!);

  const labels = Uint32Array.from(images.labels, (label) => classOf[label]!);

  const present = new Set(labels.subarray(0, trueLabels));
  const empty = classes.filter((_, index) => !present.has(index));
  if (empty.length > 0 && !mayBeEmpty) throw emptyClasses(empty, classes.length);
  return { classes, labels };
}

/**
 * A data set whose labels are not looked at.
 *
 * @throws DataError `data/no-images`
 */
export function withoutLabels({ index }: IndexedImages): TrainingLabels {
  checkNotEmpty(index);
  return { classes: [], labels: new Uint32Array(index.size) };
}

function checkNotEmpty({ size }: IndexedImages["index"]): void {
  if (size === 0) throw new DataError("data/no-images", "expected images to train on, the source has none.");
}

const mostListed = 20;

/** The error for classes without images, some of `classes`. @param which What they have no images of: "that can be read" */
export function emptyClasses(empty: readonly string[], classes: number, which = ""): DataError {
  const listed = empty.slice(0, mostListed).join(", ") + (empty.length > mostListed ? ", ..." : "");
  return new DataError(
    "data/empty-classes",
    `expected images of each of the ${classes} classes, ${empty.length} have none${which && ` ${which}`}: ${listed}. Add images of them, or take these classes out.`,
  );
}

/**
 * The images of a source that can be used; of each of the others it is told why.
 *
 * @param needs Whether images need labels to be of use.
 * @throws DataError `data/unlabelled` at the end of images of which none has a label.
 */
export async function* usableImages(
  images: AsyncIterable<ImageItem>,
  needs: { readonly labels: boolean },
  onLeftOut: (image: SkippedImage) => Promise<void> | void,
): AsyncGenerator<ImageItem> {
  let labelled = false;
  let unlabelled: SkippedImage | undefined;
  for await (const item of images) {
    const error = needs.labels && item.label === undefined ? noLabel(item) : missingImage(item);
    labelled ||= item.label !== undefined;
    if (error === undefined) {
      yield item;
      continue;
    }
    const leftOut = { id: item.id, error };
    if (item.label === undefined) unlabelled ??= leftOut;
    await onLeftOut(leftOut);
  }
  if (needs.labels && unlabelled && !labelled) throw noneLabelled(unlabelled);
}

/** Why an image cannot be trained on or measured with. */
const noLabel = ({ labelProblem }: ImageItem): DataError =>
  new DataError(
    "data/no-label",
    labelProblem ??
      "there is no label: expected a class folder, a WebDataset .cls entry, a label column, or a row of a table of labels.",
  );

const missingImage = ({ content }: ImageItem): ImageError | undefined =>
  "missing" in content ? new ImageError("image/missing", content.missing) : undefined;

const noneLabelled = ({ id, error }: SkippedImage): DataError =>
  new DataError(
    "data/unlabelled",
    `expected images with a class, none has one; the first is ${id}: ${error.message} Put each image into a folder that is named after its class, or name a table of labels (labelsFile, --labels-file).`,
  );
