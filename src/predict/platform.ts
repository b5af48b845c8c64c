import type { ItemOf } from "./model.ts";
import type { Platform } from "../runtime/index.ts";
import type { DownloadOptions } from "../weights/index.ts";

/** What models need of their platform. @typeParam Input What may be given as one image; `never` where that does not matter */
export interface ModelPlatform<Input = never> extends Platform {
  readonly itemOf: ItemOf<Input>;
  /** Makes sure that a model's published weights are at hand. @returns their URI @throws as `downloadWeights` does */
  readonly pretrainedWeights: (model: string, options: Partial<DownloadOptions>) => Promise<string>;
}
