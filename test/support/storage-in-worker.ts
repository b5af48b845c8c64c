import { SessionError } from "ssl-resnext/core";
import { threadOver, type Reply, type Thread } from "ssl-resnext/runtime";
import type { FileWriter, GrowingFile, ListedEntry, Storage } from "ssl-resnext/storage";
import { opfsStorage } from "ssl-resnext/web";
import type { Hold, Lock, OnFile, OnStorage, Walk } from "./storage-worker.ts";

/** The private files as a worker has them, for a page that asks it: all that is read and written is read and written there. */
export interface StorageInWorker {
  readonly storage: Storage;
  /** How many synchronous access handles the worker has opened. */
  readonly handles: () => Promise<number>;
  readonly end: () => Promise<void>;
}

export function storageInWorker(): StorageInWorker {
  const thread = startThread();
  // Names are the same everywhere.
  const names = opfsStorage();
  const onStorage = <Value>(method: OnStorage["method"], ...given: readonly string[]): Promise<Value> =>
    thread.call<Value>("onStorage", { method, given } satisfies OnStorage);
  async function* walk<Value>(
    method: Walk["method"],
    uri: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Value> {
    const aborted = signal?.aborted ? (signal.reason as Error).message : undefined;
    yield* await thread.call<readonly Value[]>("walk", { method, uri, aborted } satisfies Walk);
  }
  const storage: Storage = {
    join: (folder, ...parts) => names.join(folder, ...parts),
    resolve: (uri) => names.resolve(uri),
    path: (uri) => names.path(uri),
    stat: (uri) => onStorage("stat", uri),
    makeFolder: (uri) => onStorage("makeFolder", uri),
    move: (from, to) => onStorage("move", from, to),
    remove: (uri) => onStorage("remove", uri),
    list: (uri, { signal } = {}) => walk<ListedEntry>("list", uri, signal),
    stream: (uri, { signal } = {}) => walk<Uint8Array<ArrayBuffer>>("stream", uri, signal),
    open: (uri) => fileOf(thread, "open", uri),
    create: (uri) => fileOf(thread, "create", uri),
    grow: (uri) => fileOf(thread, "grow", uri),
    async lock(uri, { signal, onWait } = {}) {
      const { port1, port2 } = new MessageChannel();
      port1.addEventListener("message", () => onWait?.());
      port1.start();
      signal?.addEventListener("abort", () => port1.postMessage((signal.reason as Error).message));
      const id = await thread.call<number>("lock", { uri, waits: port2 } satisfies Lock, {
        transfer: [port2],
      });
      return () => thread.call("unlock", id);
    },
  };
  return { storage, handles: () => thread.call("handles", undefined), end: () => thread.end() };
}

/** A file that the worker holds: whatever it is opened for, it has all methods, and those are asked that it has. */
async function fileOf(
  thread: Thread,
  method: Hold["method"],
  uri: string,
): Promise<GrowingFile & FileWriter> {
  const opened = await thread.call<{ readonly id: number; readonly size: number }>("hold", {
    method,
    uri,
  } satisfies Hold);
  let { size } = opened;
  const ask = async <Value>(name: string, ...given: readonly unknown[]): Promise<Value> => {
    const request: OnFile = { id: opened.id, method: name, given };
    const answer = await thread.call<{ readonly value: Value; readonly size: number }>("onFile", request);
    ({ size } = answer);
    return answer.value;
  };
  const close = (): Promise<void> => ask("close");
  return {
    name: uri,
    get size() {
      return size;
    },
    read: (offset, length) => ask("read", offset, length),
    append: (bytes) => ask("append", bytes),
    truncate: (length) => ask("truncate", length),
    sync: () => ask("sync"),
    write: (bytes) => ask("write", bytes),
    commit: () => ask("commit"),
    abort: () => ask("abort"),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function startThread(): Thread {
  const worker = new Worker(new URL("./storage-worker.ts", import.meta.url), { type: "module" });
  return threadOver({
    post: (request, transfer) => worker.postMessage(request, [...transfer]),
    listen({ reply, failure }) {
      worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => reply(data));
      worker.addEventListener("error", ({ message }) =>
        failure(new SessionError("runtime/worker-crashed", `The worker of the files stopped: ${message}`)),
      );
    },
    ended: () => Promise.resolve(worker.terminate()),
  });
}
