import type { Platform } from "../runtime/index.ts";
import type { DownloadOptions } from "../weights/index.ts";

/** What models need of their platform. */
export interface ModelPlatform extends Platform {
  /** Makes sure that a model's published weights are at hand. @returns their URI @throws as `downloadWeights` does */
  readonly pretrainedWeights: (model: string, options: Partial<DownloadOptions>) => Promise<string>;
}
