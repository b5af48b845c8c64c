import { DataError } from "../../core/index.ts";
import { mapClasses } from "../class-mapping.ts";
import { sortNaturally } from "../natural-order.ts";
import { indexedImage, type IndexedImages } from "./image-index.ts";

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
}

/**
 * Numbers the labels of a data set.
 *
 * @throws DataError `data/no-images`, `data/unlabelled`, `data/empty-classes` for classes without images,
 *   `data/class-mismatch` for labels that are none of the wanted classes.
 */
export function trainingLabels(
  images: IndexedImages,
  { found, wanted, mayBeEmpty = false }: KnownClasses,
): TrainingLabels {
  checkLabelled(images);
  const classes = wanted ?? sortNaturally(new Set([...images.labelNames, ...(found ?? [])]));
  const indexOf = wanted
    ? mapClasses(images.labelNames, wanted)
    : new Map(classes.map((name, index) => [name, index]));
  const classOf = Uint32Array.from(images.labelNames, (name) => indexOf.get(name)!);

  const present = new Set(classOf);
  const empty = classes.filter((_, index) => !present.has(index));
  if (empty.length > 0 && !mayBeEmpty) throw emptyClasses(empty, classes.length);
  return { classes, labels: Uint32Array.from(images.labels, (label) => classOf[label]!) };
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

function checkLabelled({ index, labels }: IndexedImages): void {
  checkNotEmpty(index);
  const first = labels.indexOf(-1);
  if (first < 0) return;
  const unlabelled = labels.reduce((sum, label) => sum + Number(label < 0), 0);
  throw new DataError(
    "data/unlabelled",
    `expected a class for each of the ${labels.length} images, ${unlabelled} have none (the first is ${indexedImage(index, first).id}). Put each image into a folder that is named after its class.`,
  );
}

const mostListed = 20;

/** The error for classes without images, some of `classes`. */
export function emptyClasses(empty: readonly string[], classes: number): DataError {
  const listed = empty.slice(0, mostListed).join(", ") + (empty.length > mostListed ? ", ..." : "");
  return new DataError(
    "data/empty-classes",
    `expected images of each of the ${classes} classes, ${empty.length} have none: ${listed}. Add images of them, or take these classes out.`,
  );
}

/** The error for an image that is to be measured with, and has no label. */
export const noLabel = (id: string): DataError =>
  new DataError(
    "data/no-label",
    `${id}: has no label; validation needs class folders, WebDataset .cls entries or a Parquet label column.`,
  );
