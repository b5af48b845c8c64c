import type { SessionError } from "../core/index.ts";

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
