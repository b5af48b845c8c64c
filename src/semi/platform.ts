import type { TrainingPlatform } from "../train/index.ts";
import type { SelectImages } from "./select/select-images.ts";

/** What the semi-supervised pipeline needs of its platform. */
export interface SemiPlatform extends TrainingPlatform {
  /** Selects the best scored images of each class, of as many as there may be. */
  readonly selectImages: SelectImages;
}
