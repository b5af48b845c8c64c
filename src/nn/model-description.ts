import * as z from "zod/mini";
import { expectation, ModelError, problemLines } from "../core/index.ts";
import { parsePreprocessing, type Preprocessing } from "../image/index.ts";
import { family, type ModelConfig } from "./families/index.ts";

/** What is known of an ONNX model of any architecture, in place of a configuration. */
export interface GraphConfig {
  readonly kind: "graph";
  /** 0 for a model that gives embeddings only. */
  readonly numClasses: number;
  readonly inChannels: number;
  /** Numbers in its weights. */
  readonly parameters: number;
  /** Numbers in an embedding, where the model gives one and says so. */
  readonly embeddingLength: number | undefined;
}

/** Whether a network is an ONNX model of any architecture. */
export const isGraphConfig = (config: ModelConfig | GraphConfig): config is GraphConfig => "kind" in config;

/** What is known of a network that looks at images: of weights, or of an ONNX model that says less. */
export interface NetworkDescription extends Omit<ModelDescription, "config"> {
  readonly config: ModelConfig | GraphConfig;
}

/** Everything that inference needs besides the weights. A checkpoint carries it in its metadata. */
export interface ModelDescription {
  /** Name of the model; free for models that were trained here. */
  readonly name: string;
  readonly config: ModelConfig;
  /** Class names in the order of the logits; `imagenet-1k` stands for ImageNet's; empty when unknown. */
  readonly classes: readonly string[] | "imagenet-1k";
  /** Ids by which data sets name the classes, such as those of WordNet, where the names are words for them. */
  readonly classIds?: readonly string[] | undefined;
  readonly preprocessing: Preprocessing;
  /** How sure the model is of its answers; undefined where nobody has measured it. */
  readonly confidence?: Confidence | undefined;
  /** Where the weights come from: source, licence, recipe, and whatever else should be remembered. */
  readonly provenance: Readonly<Record<string, string>>;
}

/** What makes probabilities of a model's logits that are as often right as they say. */
export interface Confidence {
  /** What logits are divided by before the softmax (Guo et al., On Calibration of Modern Neural Networks, 2017). */
  readonly temperature: number;
  /** The probability below which an answer is better taken as unknown, 0 to 1. */
  readonly unknownBelow: number;
  /** What both were fitted to, such as "100 images in 5-fold cross-validation": none that the weights had seen. */
  readonly fittedTo: string;
  /**
   * Expected calibration error in percent on images that had no part in the temperature either, without it and with it; undefined
   * where the temperature was fitted to other weights than these.
   */
  readonly calibrationError?: { readonly raw: number; readonly scaled: number } | undefined;
}

const schema = z.strictObject({
  name: z.string().check(z.minLength(1)),
  config: family.schema,
  classes: z.union([z.literal("imagenet-1k"), z.array(z.string())]),
  classIds: z.optional(z.array(z.string())),
  preprocessing: z.unknown(),
  confidence: z.optional(
    z.strictObject({
      temperature: z.number().check(z.positive()),
      unknownBelow: z.number().check(z.gte(0), z.lte(1)),
      fittedTo: z.string(),
      calibrationError: z.optional(z.strictObject({ raw: z.number(), scaled: z.number() })),
    }),
  ),
  provenance: z.record(z.string(), z.string()),
});

/** The metadata entry that holds the description, as JSON. */
export const descriptionKey = "ssl-resnext";

/** Metadata for a safetensors file that is to be complete in itself. */
export function encodeDescription(description: ModelDescription): Readonly<Record<string, string>> {
  return { format: "pt", [descriptionKey]: JSON.stringify(description) };
}

/**
 * Reads a checkpoint's description.
 *
 * @returns `undefined` when the file carries none, as weights of other origin do.
 * @throws ModelError `model/invalid-description` that names the fields that are wrong.
 */
export function decodeDescription(
  metadata: Readonly<Record<string, string>>,
  file: string,
): ModelDescription | undefined {
  const text = metadata[descriptionKey];
  if (text === undefined) return undefined;
  try {
    const given: unknown = JSON.parse(text);
    const parsed = schema.safeParse(given, { error: expectation });
    if (!parsed.success) throw new Error(`\n${problemLines(parsed.error, given)}`, { cause: parsed.error });
    const { config, preprocessing, ...rest } = parsed.data;
    const description = {
      ...rest,
      config: family.complete(config),
      preprocessing: parsePreprocessing(preprocessing),
    };
    checkClasses(description);
    return description;
  } catch (cause) {
    throw new ModelError(
      "model/invalid-description",
      `${file}: its metadata "${descriptionKey}" does not describe a model: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function checkClasses({ classes, config }: ModelDescription): void {
  const count = classes === "imagenet-1k" ? 1000 : classes.length;
  if (count !== 0 && count !== config.numClasses) {
    throw new ModelError(
      "model/invalid-description",
      `${count} class names for a classifier of ${config.numClasses} classes`,
    );
  }
}

/**
 * A configuration as hashes see it: with two rates that every configuration once held as 0, so that what was cached
 * and finished then is still known.
 */
export const hashedConfig = (config: ModelConfig): object => ({ ...config, dropRate: 0, dropPathRate: 0 });
