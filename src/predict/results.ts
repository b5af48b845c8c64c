import { UsageError, type SslResnextError } from "../core/index.ts";
import { imagenetClasses, type ImageItem, type ModelClasses } from "../data/index.ts";
import type { InferenceOutput, NetworkDescription, Tap } from "../nn/index.ts";
import type { ImageFeeds } from "../runtime/index.ts";
import { softmax, topk } from "./metrics/metrics.ts";

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What a pipeline computes: outputs of the network, or logits and the map that explains one of them. */
export type Computation = readonly (InferenceOutput | NamedOutput)[] | { readonly explains: Tap };

/** An output of an ONNX model by its own name. */
type NamedOutput = `output:${string}`;

/** Float outputs of a network for one image, by name. */
export type RawOutputs = Readonly<
  Record<string, { readonly dims: readonly number[]; readonly data: Float32Array<ArrayBuffer> }>
>;

/** Images to run over. */
export type Images = AsyncIterable<ImageItem> & { readonly size?: number | undefined };
/** What came of each image. */
export type Results<Success> = AsyncGenerator<Success | Failure, void, undefined>;

/** What runs a network over images. */
export interface Network {
  readonly description: NetworkDescription;
  /** Class names in the order of the logits. */
  readonly classes: readonly string[];
  /** The same as data sets may spell them: ImageNet's with WordNet ids and all lemmas. */
  readonly modelClasses: ModelClasses;
  /** The last feature map. */
  readonly lastLayer: Tap;
  run(
    computation: Computation,
    images: Images,
    signal?: AbortSignal,
    feeds?: ImageFeeds,
  ): Results<{ readonly image: string; readonly item: ImageItem; readonly outputs: RawOutputs }>;
}

/** One of a model's best classes for an image. */
export interface Prediction {
  /** Class index: position in the logits. */
  readonly index: number;
  readonly label: string;
  /** Softmax probability, 0 to 1, at the model's temperature where it has one. */
  readonly probability: number;
  /** The logit itself, which no temperature changes. */
  readonly logit: number;
}

/** An image that could not be used, and why. */
export interface Failure {
  readonly image: string;
  readonly error: SslResnextError;
}

export interface Classified {
  readonly image: string;
  /** Best first. */
  readonly predictions: readonly Prediction[];
  /** Whether the best class is less probable than `unknownBelow`; absent where that was not given. */
  readonly isUnknown?: boolean;
}

export interface Embedded {
  readonly image: string;
  /** Pooled features before the classifier. */
  readonly embedding: Float32Array<ArrayBuffer>;
}

/** A feature map in channels, height, width order. */
export interface FeatureMap {
  readonly dims: readonly [channels: number, height: number, width: number];
  readonly data: Float32Array<ArrayBuffer>;
}

export interface Featured {
  readonly image: string;
  readonly features: Readonly<Partial<Record<Tap, FeatureMap>>>;
}

/** An embedding as it came, or scaled to length 1, as PyTorch's `normalize` does: zeros stay zeros. */
export function normalised(
  embedding: Float32Array<ArrayBuffer>,
  normalize: "none" | "l2",
): Float32Array<ArrayBuffer> {
  if (normalize === "none") return embedding;
  const length = Math.max(Math.hypot(...embedding), 1e-12);
  return embedding.map((value) => value / length);
}

export interface AnswerOptions {
  /** How many of the best classes to give. @default 5 */
  readonly topk?: number | undefined;
  /** Leaves the model's temperature out: probabilities are the softmax of the logits as they come. @default false */
  readonly raw?: boolean | undefined;
  /**
   * The probability, 0 to 1, below which the best class is no answer; `suggested` takes that of the model's file. Nothing is left
   * out for it: `isUnknown` says which images these are.
   */
  readonly unknownBelow?: number | "suggested" | undefined;
}

/** What is said of an image by its logits. */
export type Answer = Pick<Classified, "predictions" | "isUnknown">;

/**
 * How a model answers.
 *
 * @returns what it says of an image by its logits, and of these classes of it.
 * @throws UsageError `usage/topk`, `usage/unknown-below`
 */
export function answering(
  { description, classes }: Pick<Network, "description" | "classes">,
  { topk: count = 5, raw = false, unknownBelow }: AnswerOptions,
): {
  readonly answer: (logits: Float32Array) => Answer;
  readonly predictionsOf: (logits: Float32Array, indices: readonly number[]) => readonly Prediction[];
} {
  if (!Number.isInteger(count) || count < 1) {
    throw new UsageError("usage/topk", `topk: expected a whole number from 1 on, got ${count}.`);
  }
  const temperature = raw ? 1 : description.confidence?.temperature;
  const least = unknownBelow === undefined ? undefined : threshold(description, unknownBelow, raw);
  const predictionsOf = (logits: Float32Array, indices: readonly number[]): readonly Prediction[] => {
    const probabilities = softmax(logits, temperature);
    return indices.map((index) => ({
      index,
      label: classes[index]!,
      probability: probabilities[index]!,
      logit: logits[index]!,
    }));
  };
  return {
    predictionsOf,
    answer(logits) {
      const best = topk(logits, count).map(({ index }) => index);
      const predictions = predictionsOf(logits, best);
      // What is no number is no answer either.
      return {
        predictions,
        ...(least === undefined ? {} : { isUnknown: !(predictions[0]!.probability >= least) }),
      };
    },
  };
}

/** @throws UsageError `usage/unknown-below` */
function threshold(
  { name, confidence }: NetworkDescription,
  asked: number | "suggested",
  raw: boolean,
): number {
  const refused = (why: string): UsageError =>
    new UsageError("usage/unknown-below", `unknownBelow (--unknown-below): ${why}`);
  if (asked !== "suggested") {
    if (asked >= 0 && asked <= 1) return asked;
    throw refused(`expected a probability from 0 to 1, or "suggested", got ${String(asked)}.`);
  }
  if (!confidence) {
    throw refused(
      `${name} suggests no value, as nobody has measured how sure it is: give a probability from 0 to 1, or have one measured on labelled images that it was not trained on: "validate DATA -w WEIGHTS --fit-temperature NEW.safetensors" (or -m NAME; not an ONNX file), then "classify -w NEW.safetensors".`,
    );
  }
  if (raw) {
    throw refused(
      "the suggested value is one of probabilities at the model's temperature, which raw (--raw) leaves out: give a probability, or leave raw out.",
    );
  }
  return confidence.unknownBelow;
}

/** Class names in the order of the logits. */
export function classNames(classes: ModelClasses): readonly string[] {
  return classes.map((entry) => (typeof entry === "string" ? entry : entry.label));
}

/** A model's classes as data sets may spell them; `class 7` where the model does not know them. */
export async function classesOf({ classes, classIds, config }: NetworkDescription): Promise<ModelClasses> {
  if (classes === "imagenet-1k") return imagenetClasses();
  if (classIds) {
    return classes.map((label, index) => ({ index, wnid: classIds[index]!, label, lemmas: [label] }));
  }
  return classes.length > 0 ? classes : Array.from({ length: config.numClasses }, (_, i) => `class ${i}`);
}
