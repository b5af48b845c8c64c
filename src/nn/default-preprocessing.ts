import { imagenetPreprocessing, type Preprocessing } from "../image/index.ts";
import type { ResNetConfig } from "./config.ts";

/** What a model without a description of its own sees: ImageNet's eval transform, or whole images of 32x32. */
export function defaultPreprocessing({ stem }: ResNetConfig): Preprocessing {
  return stem === "imagenet"
    ? imagenetPreprocessing
    : { ...imagenetPreprocessing, inputSize: 32, cropPct: 1 };
}
