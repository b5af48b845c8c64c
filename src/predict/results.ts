import type { SslResnextError } from "../core/index.ts";
import type { Tap } from "../nn/index.ts";

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
