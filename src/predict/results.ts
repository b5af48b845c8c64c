import type { SslResnextError } from "../core/index.ts";
import { imagenetClasses, type ImageItem, type ModelClasses } from "../data/index.ts";
import type { InferenceOutput, NetworkDescription, Tap } from "../nn/index.ts";
import type { ImageFeeds } from "../runtime/index.ts";
import { softmax, topk } from "./metrics.ts";

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
  /** Softmax probability, 0 to 1. */
  readonly probability: number;
  /** The logit itself. */
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

/** The `count` best classes of an image, best first. */
export function bestClasses(
  logits: Float32Array,
  classes: readonly string[],
  count: number,
): readonly Prediction[] {
  const best = topk(logits, count).map(({ index }) => index);
  return predictionsOf(logits, classes, best);
}

/** What the logits say of these classes. */
export function predictionsOf(
  logits: Float32Array,
  classes: readonly string[],
  indices: readonly number[],
): readonly Prediction[] {
  const probabilities = softmax(logits);
  return indices.map((index) => ({
    index,
    label: classes[index]!,
    probability: probabilities[index]!,
    logit: logits[index]!,
  }));
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
