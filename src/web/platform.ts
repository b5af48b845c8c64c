import { SessionError } from "../core/errors.ts";
import { DataError, SslResnextError } from "../core/index.ts";
import type { ModelPlatform } from "../predict/open-model.ts";
import type { Device, ModelChunks, StoredModel } from "../runtime/index.ts";
import { openFailed } from "../runtime/onnx-runtime.ts";
import type { StartThread, Thread, ThreadScript } from "../runtime/platform.ts";
import { threadOver, type Reply } from "../runtime/thread-calls.ts";
import { threadSessions } from "../runtime/thread-session.ts";
import { webCryptoSha256 } from "../weights/hub/hashed-partial.ts";
import { itemOf, type PageImage } from "./images/page-images.ts";
import { browserStorageFor } from "./storage/browser-storage.ts";
import { cacheFolder, publishedWeights } from "./storage/cached-file.ts";

/** Starts one of the built scripts of `workers/` in a module worker. */
const startThread: StartThread = (script) => {
  const worker = scripts[script]();
  return threadOver({
    post: (request, transfer) => worker.postMessage(request, [...transfer]),
    listen({ reply, failure }) {
      worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => reply(data));
      worker.addEventListener("error", (event) => {
        event.preventDefault();
        failure(crash(event.message || "its script could not be loaded (docs/browser.md)"));
      });
      worker.addEventListener("messageerror", () => failure(crash("it sent what cannot be read")));
    },
    async ended() {
      worker.terminate();
    },
  });
};

/** A worker for images that stands ready: started while the weights of its model were still on their way. */
let ahead: Thread | undefined;

/** Starts a worker for the next pipeline, and ONNX Runtime in it: on a first visit that takes as long as all else. */
export function startAhead(device: Device = "cpu"): void {
  if (ahead) return;
  ahead = startThread("images");
  // What goes wrong is said again when the pipeline is opened.
  if (device === "cpu") ahead.call("prepare", undefined).catch(() => undefined);
}

/** The worker that was started ahead, if there is one, or a new one. */
const startOrTake: StartThread = (script) => {
  if (script !== "images" || !ahead) return startThread(script);
  const thread = ahead;
  ahead = undefined;
  return thread;
};

/** Each written out: bundlers look for these very words. */
const scripts: Readonly<Record<ThreadScript, () => Worker>> = {
  images: () => new Worker(new URL("./workers/images.js", import.meta.url), { type: "module" }),
  session: () => new Worker(new URL("./workers/session.js", import.meta.url), { type: "module" }),
  training: () => new Worker(new URL("./workers/training.js", import.meta.url), { type: "module" }),
  "training-step": () =>
    new Worker(new URL("./workers/training-step.js", import.meta.url), { type: "module" }),
};

const crash = (reason: string): SessionError =>
  new SessionError("runtime/worker-crashed", `A worker stopped unexpectedly: ${reason}.`);

/** What the pipeline needs of the world, in a page. */
export const browserPlatform: ModelPlatform<PageImage> = {
  name: "browser",
  storageFor: browserStorageFor,
  cacheFolder: () => cacheFolder,
  // They are an asset of the page, which has to be fetched: see `publishedWeights`.
  embeddedWeights: () => undefined,
  pretrainedWeights: publishedWeights,
  sha256: webCryptoSha256,
  gunzip,
  machine: () => ({
    cores: navigator.hardwareConcurrency,
    // Some browsers do not say; those that do say 8 at most.
    freeMemory: (navigator.deviceMemory ?? 4) * 2 ** 30,
  }),
  startThread: startOrTake,
  createSession: threadSessions(startThread, () => 1),
  externalData: undefined,
  storeModel,
  itemOf,
};

declare global {
  interface Navigator {
    /** Gigabytes of the device, rounded; Chromium only. */
    readonly deviceMemory?: number;
  }
}

/**
 * Keeps a model as bytes, of which each worker gets a copy: through the browser's own storage of Blobs that takes four times
 * as long.
 *
 * @throws SessionError `runtime/out-of-memory`
 */
async function storeModel({ model, modelBytes }: ModelChunks, signal?: AbortSignal): Promise<StoredModel> {
  const bytes = memoryFor(modelBytes);
  let offset = 0;
  for await (const chunk of model) {
    signal?.throwIfAborted();
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return { model: bytes, remove: () => Promise.resolve() };
}

function memoryFor(length: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw openFailed(cause, "cpu", `a model of ${length} bytes`);
  }
}

/**
 * Decompresses a gzip stream, chunk by chunk.
 *
 * @throws DataError `data/gzip` when the data are damaged or cut off; what is wrong with their storage passes
 */
async function* gunzip(name: string, compressed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { readable, writable } = new DecompressionStream("gzip");
  const writing = feed(compressed, writable.getWriter());
  // The error surfaces in the loop below.
  writing.catch(() => undefined);
  const reader = readable.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
    await writing;
  } catch (cause) {
    if (cause instanceof SslResnextError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError("data/gzip", `${name}: the gzip stream is damaged or cut off: ${reason}.`, { cause });
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function feed(
  chunks: AsyncIterable<Uint8Array>,
  writer: WritableStreamDefaultWriter<BufferSource>,
): Promise<void> {
  try {
    for await (const chunk of chunks) await writer.write(new Uint8Array(chunk));
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => undefined);
    throw error;
  }
}
