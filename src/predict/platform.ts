import type { ImageSource } from "../data/index.ts";
import type { Platform } from "../runtime/index.ts";
import type { DownloadOptions } from "../weights/index.ts";

/** What models need of their platform: their weights, and images to look at. */
export interface ModelPlatform extends Platform {
  /** The images of one or more inputs, in their order. @throws DataError as `openImages` does */
  readonly openImages: (inputs: readonly string[], options?: FindImagesOptions) => Promise<ImageSource>;
  /** Makes sure that a model's published weights are at hand. @returns their URI @throws as `downloadWeights` does */
  readonly pretrainedWeights: (model: string, options: Partial<DownloadOptions>) => Promise<string>;
}

/** Which of the columns of tables are taken. */
export interface FindImagesOptions {
  readonly imageColumn?: string | undefined;
  readonly labelColumn?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}
