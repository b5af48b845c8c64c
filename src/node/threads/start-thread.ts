import { createRequire } from "node:module";
import { Worker, type ResourceLimits, type Transferable } from "node:worker_threads";
import { SessionError } from "../../core/errors.ts";
import type { StartThread, Thread } from "../../runtime/platform.ts";
import { threadOver } from "../../runtime/thread-calls.ts";

/**
 * Starts one of the built scripts of `workers/` in a worker thread.
 *
 * @throws SessionError `runtime/bundled`
 */
export const startThread: StartThread = (script, { youngGeneration } = {}) =>
  startWorkerThread(
    workerScript(script),
    youngGeneration === undefined ? {} : { maxYoungGenerationSizeMb: youngGeneration },
  );

function workerScript(name: string): string {
  try {
    return createRequire(import.meta.url).resolve(`#workers/${name}`);
  } catch (cause) {
    throw new SessionError(
      "runtime/bundled",
      "The scripts of ssl-resnext's threads are not where its code is: a bundler has put this into a file of its own. " +
        'Leave it out of the bundle: "--external:ssl-resnext" (esbuild), "serverExternalPackages" (Next.js), "externals" (webpack).',
      { cause },
    );
  }
}

/** Whose turn it is on the GPU, for all threads of this process: see `runtimeOn`. */
const gpuTurn = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);

/** Starts a script that answers calls; it loads while the caller goes on. */
export function startWorkerThread(script: string | URL, resourceLimits: ResourceLimits = {}): Thread {
  disableTelemetry();
  // Without the flags of the process: --import and --input-type are meant for its own script.
  const worker = new Worker(script, { execArgv: [], resourceLimits, workerData: { gpuTurn } });
  worker.unref();
  const exited = new Promise<number>((resolve) => void worker.on("exit", resolve));
  return threadOver({
    post: (request, transfer) => worker.postMessage(request, transfer as readonly Transferable[]),
    listen({ reply, failure }) {
      worker.on("message", reply);
      worker.on("error", (error) => failure(crashOf(error)));
      void exited.then((code) => failure(crashed(`it ended with exit code ${code}`)));
    },
    busy(busy) {
      if (busy) worker.ref();
      else worker.unref();
    },
    async ended() {
      // Not `terminate()`: it would abort the process if it struck within ONNX Runtime's native code.
      worker.ref();
      await exited;
    },
  });
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
