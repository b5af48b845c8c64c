import type { StateDict } from "../../core/index.ts";
import type { ImageSource } from "../../data/index.ts";
import type { DecodeLimits } from "../../image/index.ts";
import type { ModelDescription } from "../../nn/index.ts";
import { modelOf, type ValidatedImage, type ValidationReport } from "../../predict/index.ts";
import type { Device } from "../../runtime/index.ts";
import type { TrainingPlatform } from "../platform.ts";

/** Validation images, and how a model is run over them. */
export interface ValidatorOptions {
  readonly platform: TrainingPlatform;
  readonly images: ImageSource;
  readonly description: ModelDescription;
  readonly device: Device;
  readonly decode: DecodeLimits;
}

/** How good weights are, and where they are wrong. */
export interface Validation {
  readonly report: ValidationReport;
  /** Most confidently wrong first. */
  readonly mistakes: readonly ValidatedImage[];
}

/** Mistakes that a report shows. */
export const keptMistakes = 24;

/** Runs weights over the validation images. */
export async function validateWeights(
  weights: StateDict,
  { platform, images, description, device, decode }: ValidatorOptions,
  signal: AbortSignal | undefined,
): Promise<Validation> {
  const model = await modelOf(
    platform,
    { description, withWeights: (use) => use(weights) },
    { device, decode },
  );
  const mistakes: ValidatedImage[] = [];
  try {
    const report = await model.validate(images, {
      signal,
      onPrediction(image) {
        if (image.predicted === image.target) return;
        const before = mistakes.findIndex(({ probability }) => probability < image.probability);
        mistakes.splice(before < 0 ? mistakes.length : before, 0, image);
        if (mistakes.length > keptMistakes) mistakes.pop();
      },
    });
    return { report, mistakes };
  } finally {
    await model.release();
  }
}
