import { createRequire } from "node:module";
import { Worker, type ResourceLimits, type Transferable } from "node:worker_threads";
import {
  DataError,
  GraphError,
  ImageError,
  ModelError,
  SessionError,
  SslResnextError,
  TrainingError,
  UsageError,
  WeightsError,
} from "../../core/index.ts";

/** What a worker answers: the value of the call with this id, or why there is none. */
export type Reply = { readonly id: number } & ({ readonly value: unknown } | { readonly error: WireError });

/** What a worker is asked: a call, or that an earlier one is no longer wanted. */
export type Request = { readonly id: number; readonly method: string; readonly argument: unknown };

/** A thread that answers calls. It keeps the process alive only while a call is under way. */
export interface WorkerThread {
  /** Calls wait in the thread for their turn; an abort rejects at once and skips a call still waiting. */
  call<Value>(method: string, argument: unknown, options?: CallOptions): Promise<Value>;
  /**
   * Ends the thread as soon as the run under way is over; calls under way, and later ones, reject with
   * `runtime/released` at once.
   */
  end(): Promise<void>;
  /** Why the thread is gone, once it is. */
  readonly failure: SessionError | undefined;
}

interface CallOptions {
  readonly transfer?: readonly Transferable[];
  readonly signal?: AbortSignal | undefined;
}

/** Path of one of the built scripts of `workers/`. */
export function workerScript(name: "session" | "images" | "training" | "training-step"): string {
  return createRequire(import.meta.url).resolve(`#workers/${name}`);
}

/** Starts a script that answers calls; it loads while the caller goes on. */
export function startWorkerThread(script: string | URL, resourceLimits: ResourceLimits = {}): WorkerThread {
  disableTelemetry();
  // Without the flags of the process: --import and --input-type are meant for its own script.
  const worker = new Worker(script, { execArgv: [], resourceLimits });
  const calls = new Map<number, { resolve(value: unknown): void; reject(reason: unknown): void }>();
  let lastId = 0;
  let failure: SessionError | undefined;

  const settle = (id: number): void => {
    calls.delete(id);
    if (calls.size === 0) worker.unref();
  };
  const fail = (error: SessionError): void => {
    failure ??= error;
    for (const call of calls.values()) call.reject(failure);
    calls.clear();
  };

  worker.unref();
  worker.on("message", (reply: Reply) => {
    const call = calls.get(reply.id);
    if (!call) return;
    settle(reply.id);
    if ("error" in reply) call.reject(fromWire(reply.error));
    else call.resolve(reply.value);
  });
  worker.on("error", (error) => fail(crashOf(error)));
  const exited = new Promise<void>((resolve) => {
    worker.on("exit", (code) => {
      fail(crashed(`it ended with exit code ${code}`));
      resolve();
    });
  });

  return {
    get failure() {
      return failure;
    },
    call<Value>(method: string, argument: unknown, { transfer = [], signal }: CallOptions = {}) {
      return new Promise<Value>((resolve, reject) => {
        signal?.throwIfAborted();
        if (failure) throw failure;
        const id = ++lastId;
        worker.postMessage({ id, method, argument } satisfies Request, transfer);
        // The call stays on the list, and keeps the process alive, until the thread has answered: ending a
        // process while ONNX Runtime is at work in one of its threads aborts it.
        const onAbort = (): void => {
          worker.postMessage({ id, method: "cancel", argument: undefined } satisfies Request, []);
          reject(signal?.reason as Error);
        };
        signal?.addEventListener("abort", onAbort, { once: true });
        const unhook = (): void => signal?.removeEventListener("abort", onAbort);
        calls.set(id, {
          resolve: (value) => {
            unhook();
            resolve(value as Value);
          },
          reject: (reason) => {
            unhook();
            reject(reason);
          },
        });
        worker.ref();
      });
    },
    async end() {
      fail(new SessionError("runtime/released", "The session was released; open a new one to run again."));
      // Not `terminate()`: it would abort the process if it struck within ONNX Runtime's native code.
      worker.ref();
      worker.postMessage({ id: 0, method: "end", argument: undefined } satisfies Request, []);
      await exited;
    },
  };
}

function crashOf(error: Error & { code?: string }): SessionError {
  if (error.code === "ERR_WORKER_OUT_OF_MEMORY") {
    return new SessionError(
      "runtime/out-of-memory",
      "A worker thread ran out of memory; use fewer workers or smaller batches.",
      { cause: error },
    );
  }
  // An error of ours that was thrown while the thread loaded comes without its class.
  if (error.code?.startsWith("runtime/"))
    return new SessionError(error.code, error.message, { cause: error });
  return crashed(error.message, error);
}

function crashed(why: string, cause?: Error): SessionError {
  return new SessionError("runtime/worker-crashed", `A worker thread stopped unexpectedly: ${why}`, {
    cause,
  });
}

/**
 * Keeps ONNX Runtime from sending usage data, unless `ORT_DISABLE_TELEMETRY` is set already.
 *
 * On Linux, 1.30 prepares to send as soon as a session is opened, and crashes in doing so where the command line
 * of the process is longer than about 29 kB, as with a thousand file names: see
 * docs/decisions/006-runtime-telemetry-off.md. Native code reads the environment of the process, which a worker
 * thread cannot change: this has to run in the main thread, before the first session.
 */
function disableTelemetry(): void {
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
}

/** Makes a call on one of the threads. */
export type Share = <Value>(call: (thread: WorkerThread) => Promise<Value>) => Promise<Value>;

/** Hands each call to the least busy thread; past `depth` calls a thread, calls wait for a place. */
export function shareCalls(threads: readonly WorkerThread[], depth: number): Share {
  const load = new Map(threads.map((thread) => [thread, 0]));
  const waiting: (() => void)[] = [];

  const leastBusy = (): WorkerThread | undefined => {
    const alive = threads.filter((thread) => !thread.failure);
    if (alive.length === 0) {
      const failures = threads.map((thread) => thread.failure);
      const released = failures.find((failure) => failure?.code === "runtime/released");
      if (released) throw released;
      const failure = failures[0];
      throw new SessionError("runtime/no-worker-left", `No worker is left: ${failure?.message}`, {
        cause: failure,
      });
    }
    const least = alive.reduce((a, b) => (load.get(b)! < load.get(a)! ? b : a));
    return load.get(least)! < depth ? least : undefined;
  };

  return async (call) => {
    let thread = leastBusy();
    while (!thread) {
      await new Promise<void>((resolve) => waiting.push(resolve));
      thread = leastBusy();
    }
    load.set(thread, load.get(thread)! + 1);
    try {
      return await call(thread);
    } finally {
      load.set(thread, load.get(thread)! - 1);
      waiting.shift()?.();
    }
  };
}

/** An error as it crosses between threads: structured clone would drop its class and code. */
export interface WireError {
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

const classes: Readonly<Record<string, typeof SslResnextError>> = {
  DataError,
  GraphError,
  ImageError,
  ModelError,
  SessionError,
  TrainingError,
  UsageError,
  WeightsError,
};

/** Describes an error for another thread; one without a code of its own becomes a SessionError with `code`. */
export function toWire(error: unknown, code: string): WireError {
  if (error instanceof SslResnextError) return { name: error.name, code: error.code, message: error.message };
  return { name: "SessionError", code, message: error instanceof Error ? error.message : String(error) };
}

/** Builds the error anew, with its class and code. */
export function fromWire({ name, code, message }: WireError): SslResnextError {
  return new (classes[name] ?? SslResnextError)(code, message);
}
