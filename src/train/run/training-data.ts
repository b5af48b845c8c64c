import { UsageError } from "../../core/index.ts";
import { baseName } from "../../core/storage/index.ts";
import {
  holdOut,
  openImages,
  type ImageItem,
  type ImageSource,
  type OpenImagesOptions,
} from "../../data/index.ts";
import type { TrainingPlatform } from "../platform.ts";

/** Images that were found already, and what descriptions and reports call them. */
export interface NamedImages {
  readonly name: string;
  readonly images: ImageSource;
}

/** Paths as `openImages` takes them, or what it found. */
export type TrainingImages = string | readonly string[] | NamedImages;

/** Where the images of a run come from. */
export interface TrainingDataOptions extends Pick<
  OpenImagesOptions,
  "imageColumn" | "labelColumn" | "readLabels" | "signal"
> {
  readonly data: TrainingImages;
  readonly validation: TrainingImages | undefined;
  readonly unlabelled: TrainingImages | undefined;
  /** Share of each class that is held out when no validation images are given. */
  readonly validationShare: number;
  readonly seed: number;
}

/** The images of a run. */
export interface TrainingData {
  readonly training: ImageSource;
  /** What the images are called in descriptions. */
  readonly name: string;
  readonly validation: ImageSource | undefined;
  /** What the validation images are called in reports. */
  readonly validationName: string;
  readonly unlabelled: NamedImages | undefined;
}

/** @throws DataError when images are missing or cannot be read. */
export async function openTrainingData(
  platform: TrainingPlatform,
  options: TrainingDataOptions,
): Promise<TrainingData> {
  const { validationShare, seed, imageColumn, signal } = options;
  const { name, images: training } = await named(platform, options.data, options);
  const unlabelled =
    options.unlabelled === undefined
      ? undefined
      : await named(platform, options.unlabelled, { imageColumn, readLabels: false, signal });
  if (options.validation !== undefined) {
    const validation = await named(platform, options.validation, options);
    return { training, name, validation: validation.images, validationName: validation.name, unlabelled };
  }
  const validationName = `${name}, ${100 * validationShare} % of each class held out`;
  if (validationShare === 0) return { training, name, validation: undefined, validationName, unlabelled };
  const { kept, heldOut } = await holdOut(training, validationShare, seed);
  const validation = heldOut.size === 0 ? undefined : heldOut;
  return { training: kept, name, validation, validationName, unlabelled };
}

/** @throws UsageError `train/classes` for fewer than two classes. */
export function checkClassCount(classes: readonly string[]): void {
  if (classes.length > 1) return;
  throw new UsageError(
    "train/classes",
    `Expected labelled images of two classes or more to tell apart; there is ${classes.length === 0 ? "none" : `${classes[0]!} alone`}. Add images of others.`,
  );
}

async function named(
  platform: TrainingPlatform,
  images: TrainingImages,
  options: OpenImagesOptions,
): Promise<NamedImages> {
  if (typeof images !== "string" && "images" in images) return images;
  const paths = typeof images === "string" ? [images] : images;
  return { name: paths.join(" "), images: await openImages(platform, paths, options) };
}

/** A source that notes a hash of the names and classes of its images when it is walked to the end. */
export interface HashedSource extends ImageSource {
  readonly hash: string | undefined;
}

/** Folders above the image do not count, so that a data set may move. */
export function hashedSource({ sha256 }: TrainingPlatform, source: ImageSource): HashedSource {
  let found: string | undefined;
  return {
    classes: source.classes,
    size: source.size,
    get hash() {
      return found;
    },
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      const hash = sha256();
      const encoder = new TextEncoder();
      for await (const item of source) {
        hash.update(encoder.encode(JSON.stringify([item.label, baseName(item.id)])));
        yield item;
      }
      found = await hash.hex();
    },
  };
}
