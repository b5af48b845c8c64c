import { createHash } from "node:crypto";
import { basename } from "node:path";
import { holdOut, type ImageItem, type ImageSource } from "../../data/index.ts";
import { openImages, type OpenImagesOptions } from "../images/index.ts";

/** Where the images of a run come from. */
export interface TrainingDataOptions extends Pick<
  OpenImagesOptions,
  "imageColumn" | "labelColumn" | "signal"
> {
  /** As `openImages` takes them. */
  readonly data: readonly string[];
  readonly validation: readonly string[] | undefined;
  /** Share of each class that is held out when no validation images are given. */
  readonly validationShare: number;
  readonly seed: number;
}

/** The images of a run. */
export interface TrainingData {
  readonly training: ImageSource;
  readonly validation: ImageSource | undefined;
  /** What the validation images are called in reports. */
  readonly validationName: string;
}

/** @throws DataError when images are missing or cannot be read. */
export async function openTrainingData(options: TrainingDataOptions): Promise<TrainingData> {
  const { data, validation, validationShare, seed } = options;
  const training = await openImages(data, options);
  if (validation) {
    return {
      training,
      validation: await openImages(validation, options),
      validationName: validation.join(" "),
    };
  }
  const validationName = `${data.join(" ")}, ${100 * validationShare} % of each class held out`;
  if (validationShare === 0) return { training, validation: undefined, validationName };
  const { kept, heldOut } = await holdOut(training, validationShare, seed);
  return { training: kept, validation: heldOut.size === 0 ? undefined : heldOut, validationName };
}

/** A source that notes a hash of the names and classes of its images when it is walked to the end. */
export interface HashedSource extends ImageSource {
  readonly hash: string | undefined;
}

/** Folders above the image do not count, so that a data set may move. */
export function hashedSource(source: ImageSource): HashedSource {
  let found: string | undefined;
  return {
    classes: source.classes,
    size: source.size,
    get hash() {
      return found;
    },
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      const hash = createHash("sha256");
      for await (const item of source) {
        hash.update(JSON.stringify([item.label, basename(item.id)]));
        yield item;
      }
      found = hash.digest("hex");
    },
  };
}
