import type { SessionError, Sha256 } from "../core/index.ts";
import type { StorageFor } from "../core/storage/index.ts";
import type { Engine } from "./engine.ts";
import type { ExecutionConditions } from "./execution-plan.ts";
import type { CreateSession, ModelFile } from "./session.ts";

/** A model where sessions can open it. */
export interface StoredModel {
  readonly model: ModelFile;
  /** Takes it away; sessions that are open keep what they need. */
  remove(): Promise<void>;
}

/** An ONNX model as the encoder gives it: the graph, and the weights that it refers to as one external file. */
export interface ModelChunks {
  readonly model: AsyncIterable<Uint8Array<ArrayBuffer>>;
  readonly weights: AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** Length of the model. */
  readonly modelBytes: number;
}

/**
 * What the pipeline needs of the world it runs in: Node and browsers each have one, and decide nothing beyond it.
 * `predict`, `train` and `semi` are written over this; what only they need stands in their own extensions of it.
 */
export interface Platform {
  readonly name: "node" | "browser";
  /** Where files are, by scheme. */
  readonly storageFor: StorageFor;
  /** Folder of what is kept between runs: downloaded weights, embeddings. */
  readonly cacheFolder: () => string;
  /** Where the weights of a model that comes with the package lie; undefined for other models. */
  readonly embeddedWeights: (model: string) => string | undefined;
  readonly sha256: () => Sha256;
  /** Decompresses gzip. @throws DataError `data/gzip`, naming the stream, when the data are damaged or cut off */
  readonly gunzip: (name: string, compressed: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
  /** Standard input, where there is one; asking opens it. */
  readonly stdin?: () => AsyncIterable<Uint8Array>;
  /** What this process or page may use. */
  readonly machine: () => Pick<ExecutionConditions, "cores" | "freeMemory">;
  /** Starts a thread of the package's own scripts. */
  readonly startThread: StartThread;
  readonly createSession: CreateSession;
  /**
   * Channels of one block of the CPU's kernels, for inference or for training; asks a worker of image pipelines that is
   * running anyway, if there is one. Without it, or where it gives `undefined`, the portable graph is right.
   */
  readonly blockSize?: (use: "inference" | "training", thread?: Thread) => Promise<number | undefined>;
  /**
   * The fastest of these engines for this, as measured on this machine: measured now, if that is not known, and remembered. One that
   * is not installed is not the fastest. Absent where there is one engine only.
   */
  readonly fasterEngine?: (
    engines: readonly Engine[],
    subject: EngineSubject,
    millisecondsAnImage: (engine: Engine) => Promise<number>,
  ) => Promise<Engine>;
  /** Name under which `storeModel`'s weights are found by the model: the encoder needs it. */
  readonly externalData: string | undefined;
  /** Puts a model where sessions, in any thread, can open it without a copy each. */
  readonly storeModel: (chunks: ModelChunks, signal?: AbortSignal) => Promise<StoredModel>;
}

/** What the speed of an engine was measured on. */
export interface EngineSubject {
  /** Its architecture, input size and precision. */
  readonly network: string;
  /** Whether the images come one by one. */
  readonly batch: "one" | "many";
}

/** The scripts that run in threads of their own. */
export type ThreadScript = "session" | "images" | "training" | "training-step";

/** A thread that answers calls. It keeps a process alive only while a call is under way. */
export interface Thread {
  /**
   * Calls wait in the thread for their turn; an abort rejects at once and skips a call still waiting.
   *
   * @throws SslResnextError as the thread threw it; SessionError `runtime/worker-crashed`, `runtime/released`
   */
  call<Value>(method: string, argument: unknown, options?: CallOptions): Promise<Value>;
  /**
   * Ends the thread as soon as the run under way is over; calls under way, and later ones, reject with
   * `runtime/released` at once.
   */
  end(): Promise<void>;
  /** Why the thread is gone, once it is. */
  readonly failure: SessionError | undefined;
}

export interface CallOptions {
  /** Memory and ports that move to the thread. */
  readonly transfer?: readonly Transferable[];
  readonly signal?: AbortSignal | undefined;
}

/** Starts one of the scripts; it loads while the caller goes on. */
export type StartThread = (script: ThreadScript, options?: ThreadOptions) => Thread;

export interface ThreadOptions {
  /** Megabytes of the young generation; less of it frees buffers sooner. @default the engine's own */
  readonly youngGeneration?: number | undefined;
}
