import type { ImageItem } from "../data/index.ts";
import type { DecodeOptions } from "../image/index.ts";
import type { ModelPlatform } from "../predict/open-model.ts";
import type { Fact } from "../report/elements.ts";
import type { Device } from "../runtime/index.ts";

/** What training needs of its platform. */
export interface TrainingPlatform extends ModelPlatform {
  /** Makes an empty folder that is there for as long as it is not removed. @returns its URI */
  readonly temporaryFolder: () => Promise<string>;
  /** A small picture of an image as a `data:` URL; undefined when the image cannot be read any more. */
  readonly thumbnail: (item: ImageItem, decode: DecodeOptions) => Promise<string | undefined>;
  /** What a run runs on, as its report says. */
  readonly machineFacts: (device: Device) => readonly Fact[];
  /** Bytes that the run took at most, where that is known. */
  readonly peakMemory: () => number | undefined;
}
