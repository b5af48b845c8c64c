import type { SslResnextError, Tensor } from "../core/index.ts";
import type { ImageFacts } from "../image/describe-image.ts";
import type { Device, Engine, EngineRequest, FloatPrecision } from "./engine.ts";

/**
 * A model that an engine can open: the path of a `.onnx` file, whose external data stands beside it, or
 * its bytes. Prefer the path: bytes are copied, and peak memory is then 2.7 times the weights, against 1.9.
 */
export type ModelFile = string | Uint8Array<ArrayBuffer>;

export interface SessionOptions {
  /** @default "onnxruntime" */
  readonly engine?: Engine;
  /** @default "cpu" */
  readonly device?: Device;
  /** What floats are multiplied in; ONNX Runtime has `fp32` only. @default "fp32" */
  readonly precision?: FloatPrecision;
  /** Images of every run, where that is known: an engine that compiles the model does so for this number. @default any */
  readonly batchSize?: number;
  /** Threads that one operator may use on the CPU. @default every core this process may use */
  readonly threads?: number;
  /** Stops the opening of the session. */
  readonly signal?: AbortSignal;
}

export interface RunOptions {
  /** Outputs to compute. @default all of the model's */
  readonly outputs?: readonly string[];
  /**
   * Moves the memory of the feeds to the session instead of copying it: the caller's arrays are empty then.
   *
   * @default false
   */
  readonly transfer?: boolean;
  /** Rejects with the signal's reason; the engine finishes the run that is under way, and drops it. */
  readonly signal?: AbortSignal;
}

/** A graph that stands ready on a device. Runs of one session take place one after another. */
export interface Session {
  readonly engine: Engine;
  readonly device: Device;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Computes the outputs for these inputs, off the calling thread.
   *
   * The feeds are copied, unless `transfer` is set: the caller may reuse their memory at once.
   *
   * @throws SessionError `runtime/run-failed` for feeds the model does not accept, `runtime/released`,
   * `runtime/out-of-memory`, `runtime/worker-crashed`.
   */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    options?: RunOptions,
  ): Promise<Readonly<Record<string, Tensor>>>;
  /** Frees the session. Runs under way, and later ones, reject with `runtime/released`. */
  release(): Promise<void>;
}

/**
 * Opens a session; each platform has one of these.
 *
 * @throws SessionError `runtime/device-unavailable`, `runtime/model-rejected`, `runtime/out-of-memory`.
 */
export type CreateSession = (model: ModelFile, options?: SessionOptions) => Promise<Session>;

/** What a worker has to know to open a session. */
export interface SessionRequest extends EngineRequest {
  readonly model: ModelFile;
  readonly threads: number;
  /** Images of every run, where that is known. */
  readonly batchSize?: number | undefined;
}

/** What the model made of one image: its outputs by name, without the batch dimension, or why there are none. */
export type ImageResult<Item> =
  | {
      readonly item: Item;
      readonly outputs: Readonly<Record<string, Tensor<"float32">>>;
      /** Whether its EXIF orientation says that it is to be turned, and it was not. */
      readonly unturned: boolean;
      /** What the file is, where the pipeline was asked for that. */
      readonly facts?: ImageFacts | undefined;
    }
  | { readonly item: Item; readonly error: SslResnextError };

/** Runs a model over images; each platform has one of these. */
export interface ImagePipeline<Item> {
  /**
   * Reads, decodes, crops and runs every image, in bounded memory however many there are: it reads ahead of
   * the consumer by a few images per worker only. An image that fails gives its error and the run goes on.
   *
   * @throws SessionError `runtime/worker-crashed` when no worker is left, `runtime/released`; the signal's reason.
   */
  run(
    items: Iterable<Item> | AsyncIterable<Item>,
    options?: ImageRunOptions,
  ): AsyncIterableIterator<ImageResult<Item>>;
  /** Ends the workers and frees their sessions; runs under way reject with `runtime/released`. */
  release(): Promise<void>;
}

export interface ImageRunOptions {
  readonly signal?: AbortSignal;
  /** Whether results come in the order of the items, or as soon as they stand. @default true */
  readonly ordered?: boolean;
  /** What each image goes in with, by input name and without the batch dimension. @default nothing */
  readonly feeds?: ImageFeeds;
}

/** Inputs of the model besides the image. */
export type ImageFeeds = Readonly<Record<string, Tensor<"float32">>>;
