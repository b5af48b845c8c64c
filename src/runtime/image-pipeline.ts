import type { SslResnextError, Tensor } from "../core/index.ts";

/** What the model made of one image: its outputs by name, without the batch dimension, or why there are none. */
export type ImageResult<Item> =
  | { readonly item: Item; readonly outputs: Readonly<Record<string, Tensor<"float32">>> }
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
