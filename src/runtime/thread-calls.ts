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
} from "../core/errors.ts";
import type { CallOptions, Thread } from "./platform.ts";

/** What a thread is asked: a call, that an earlier one is no longer wanted (`cancel`), or to end (`end`). */
export interface Request {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

/** What a thread answers: the value of the call with this id, or why there is none. */
export type Reply = { readonly id: number } & ({ readonly value: unknown } | { readonly error: WireError });

/** A platform's worker, seen by whoever started it. */
export interface WorkerPort {
  post(request: Request, transfer: readonly Transferable[]): void;
  /** Asked once, before anything is posted. */
  listen(listeners: {
    readonly reply: (reply: Reply) => void;
    /** Told why the worker is gone, or cannot go on; all but the first reason are dropped. */
    readonly failure: (error: SessionError) => void;
  }): void;
  /** Told when the first call is under way, and when the last is over: Node's process lives on for them. */
  busy?(busy: boolean): void;
  /** Settles when the worker has come to the request `end`, which was posted before, and is gone. */
  ended(): Promise<void>;
}

/** A thread that answers calls, on a platform's worker. */
export function threadOver(worker: WorkerPort): Thread {
  const calls = new Map<number, { resolve(value: unknown): void; reject(reason: unknown): void }>();
  let lastId = 0;
  let failure: SessionError | undefined;

  const fail = (error: SessionError): void => {
    failure ??= error;
    for (const call of calls.values()) call.reject(failure);
    calls.clear();
  };

  worker.listen({
    reply(reply) {
      const call = calls.get(reply.id);
      if (!call) return;
      calls.delete(reply.id);
      if (calls.size === 0) worker.busy?.(false);
      if ("error" in reply) call.reject(fromWire(reply.error));
      else call.resolve(reply.value);
    },
    failure: fail,
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
        worker.post({ id, method, argument: withoutSurroundings(argument, transfer) }, transfer);
        // The call stays on the list, and keeps the process alive, until the thread has answered: ending a
        // process while ONNX Runtime is at work in one of its threads aborts it.
        const onAbort = (): void => {
          worker.post({ id, method: "cancel", argument: undefined }, []);
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
        worker.busy?.(true);
      });
    },
    async end() {
      fail(new SessionError("runtime/released", "The session was released; open a new one to run again."));
      worker.post({ id: 0, method: "end", argument: undefined }, []);
      await worker.ended();
    },
  };
}

/**
 * The same message with copies of views that see a part of their memory only: posting a view posts all that lies behind it,
 * such as the 400 MB that an image was cut out of.
 */
function withoutSurroundings(message: unknown, transfer: readonly Transferable[]): unknown {
  if (typeof message !== "object" || message === null) return message;
  if (ArrayBuffer.isView(message)) {
    const { buffer } = message;
    const isWhole = message.byteLength === buffer.byteLength;
    if (isWhole || !(buffer instanceof ArrayBuffer) || transfer.includes(buffer)) return message;
    const copied = buffer.slice(message.byteOffset, message.byteOffset + message.byteLength);
    if (message instanceof DataView) return new DataView(copied);
    const { constructor } = message as Float32Array;
    // A Buffer of Node's is a Uint8Array wherever it is posted to.
    return constructor.name === "Buffer"
      ? new Uint8Array(copied)
      : new (constructor as Float32ArrayConstructor)(copied);
  }
  if (Array.isArray(message)) {
    const items = message as readonly unknown[];
    return typeof items[0] === "object" ? items.map((item) => withoutSurroundings(item, transfer)) : items;
  }
  if (Object.getPrototypeOf(message) !== Object.prototype) return message;
  return Object.fromEntries(
    Object.entries(message).map(([name, value]) => [name, withoutSurroundings(value, transfer)]),
  );
}

/** The port to whoever started this thread. */
export interface CallerPort {
  post(reply: Reply, transfer: readonly Transferable[]): void;
  /** Asked once. */
  listen(request: (request: Request) => void): void;
  /** Ends this thread. */
  end(): void;
}

/** What a method gives. */
export interface Answer {
  readonly value: unknown;
  /** Buffers that move to the caller instead of being copied. */
  readonly transfer?: readonly ArrayBuffer[];
}

/** One call; `cancelled` turns true when the caller no longer wants the answer. */
export interface Call {
  readonly cancelled: boolean;
}

/** The methods of a thread by name; each takes the argument that its caller sends. */
export type Methods = Readonly<Record<string, (argument: never, call: Call) => Promise<Answer>>>;

/** Answers the calls of whoever started this thread, each with the method of its name. */
export function answerCallsOn(port: CallerPort, methods: Methods): void {
  const calls = new Map<number, { cancelled: boolean }>();

  const answer = async ({ id, method, argument }: Request): Promise<void> => {
    const call = { cancelled: false };
    calls.set(id, call);
    try {
      const run = methods[method];
      if (!run) throw new SessionError("runtime/run-failed", `This worker has no method "${method}".`);
      const { value, transfer = [] } = await run(argument as never, call);
      port.post({ id, value: withoutSurroundings(value, transfer) }, transfer);
    } catch (error) {
      port.post({ id, error: toWire(error, "runtime/run-failed") }, []);
    } finally {
      calls.delete(id);
    }
  };

  port.listen((request) => {
    if (request.method === "end") return port.end();
    const call = calls.get(request.id);
    if (request.method !== "cancel") void answer(request);
    else if (call) call.cancelled = true;
  });
}

/** Makes a call on one of the threads. */
export type Share = <Value>(call: (thread: Thread) => Promise<Value>) => Promise<Value>;

/** Hands each call to the least busy thread; past `depth` calls a thread, calls wait for a place. */
export function shareCalls(threads: readonly Thread[], depth: number): Share {
  const load = new Map(threads.map((thread) => [thread, 0]));
  const waiting: (() => void)[] = [];

  const leastBusy = (): Thread | undefined => {
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
