import type { StateDict } from "../../core/index.ts";
import { mapClasses, type ImageSource } from "../../data/index.ts";
import type { DecodeLimits } from "../../image/index.ts";
import type { ModelDescription } from "../../nn/index.ts";
import {
  answerSample,
  classesOf,
  fitConfidence,
  modelOf,
  type ConfidenceFit,
  type Failure,
  type ValidatedImage,
  type ValidationReport,
} from "../../predict/index.ts";
import type { Device, Engine, FloatPrecision } from "../../runtime/index.ts";
import { validate } from "../../predict/validate.ts";
import { brokenImage } from "../loader/batch-worker.ts";
import type { TrainingPlatform } from "../platform.ts";
import type { Recipe } from "../recipe/fields.ts";
import type { SkippedEvent } from "../trainer/events.ts";
import type { Ranks } from "./ranks.ts";
import { sharedNetwork } from "./share-validation.ts";
import type { TrainingData } from "./training-data.ts";

/** Validation images, and how a model is run over them. */
export interface ValidatorOptions {
  readonly platform: TrainingPlatform;
  readonly images: ImageSource;
  /** What they are called. */
  readonly name: string;
  readonly description: ModelDescription;
  readonly device: Device;
  /** @default "onnxruntime" */
  readonly engine?: Engine | undefined;
  /** @default "fp32" */
  readonly precision?: FloatPrecision | undefined;
  readonly decode: DecodeLimits;
  /** Processes that share the images, each of which comes to the same result. @default this one alone */
  readonly ranks?: Ranks | undefined;
}

/** How good weights are, and where they are wrong. */
export interface Validation {
  readonly report: ValidationReport;
  /** Most confidently wrong first. */
  readonly mistakes: readonly ValidatedImage[];
  /** How sure the weights are of the images. */
  readonly confidenceFit: ConfidenceFit;
  /** All images that could not be used. */
  readonly failures: readonly Failure[];
}

/** Mistakes that a report shows. */
export const keptMistakes = 24;

/** Runs weights over the validation images. */
export async function validateWeights(
  weights: StateDict,
  { platform, images, name, description, engine, precision, device, decode, ranks }: ValidatorOptions,
  signal: AbortSignal | undefined,
): Promise<Validation> {
  const model = await modelOf(
    platform,
    { description, withWeights: (use) => use(weights) },
    { engine, device, decode },
    { floats: precision },
  );
  const mistakes: ValidatedImage[] = [];
  const sample = answerSample();
  const failures: Failure[] = [];
  try {
    const report = await validate(ranks ? sharedNetwork(model, ranks) : model, images, {
      signal,
      onFailure: (failure) => void failures.push(failure),
      onPrediction(image) {
        sample.add(image);
        if (image.predicted === image.target) return;
        const before = mistakes.findIndex(({ probability }) => probability < image.probability);
        mistakes.splice(before < 0 ? mistakes.length : before, 0, image);
        if (mistakes.length > keptMistakes) mistakes.pop();
      },
    });
    const { answers } = sample;
    const confidenceFit = fitConfidence(
      answers,
      `${answers.length} validation images, ${name}, which chose the epoch too`,
    );
    return { report, mistakes, confidenceFit, failures };
  } finally {
    await model.release();
  }
}

/**
 * Names the validation images that could not be used, each once.
 *
 * @param named Images that were named before.
 * @throws DataError `data/broken-image` where the recipe asks for that.
 */
export function* unreadable(
  { failures }: Validation,
  { onBrokenImage }: Pick<Recipe, "onBrokenImage">,
  named: Set<string>,
): Generator<SkippedEvent, void, undefined> {
  for (const { image, error } of failures) {
    if (named.has(image)) continue;
    named.add(image);
    if (onBrokenImage === "fail") throw brokenImage({ id: image, error });
    yield { type: "skipped", of: "validation", id: image, error };
  }
}

/**
 * Refuses validation images of other classes before hours are spent on training.
 *
 * @throws DataError `data/class-mismatch`
 */
export async function checkValidation(
  { validation, validationName }: TrainingData,
  description: ModelDescription,
): Promise<void> {
  mapClasses(validation?.classes ?? [], await classesOf(description), {
    what: `validation images ${validationName}`,
    owner: "the training images",
    remedy:
      "Check that the folder is the one that holds the class folders; leave images of other classes out, or train on some of these classes too.",
  });
}
