import { loadOnnxRuntime } from "#onnxruntime-web";
import { SessionError } from "../core/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import { callQueue, type CallQueue } from "../runtime/call-queue.ts";
import { requireEngine } from "../runtime/engine.ts";
import type { EngineSession, OpenEngineSession } from "../runtime/engine-session.ts";
import { modelTitle } from "../runtime/engine-errors.ts";
import { openFailed, ortEngineSession, type OnnxRuntime } from "../runtime/onnx-runtime.ts";
import type { Device } from "../runtime/engine.ts";
import type { CreateSession, SessionRequest } from "../runtime/session.ts";

type Feeds = Readonly<Record<string, Tensor>>;

/**
 * Opens a session of onnxruntime-web in this thread: `cpu` is WebAssembly, `webgpu` the browser's GPU.
 *
 * A run on the CPU blocks the thread: a page calls it from a worker of its own. Threads of WebAssembly need a page that
 * is isolated across origins, and ONNX Runtime in a file of its own (docs/browser.md); one that is bundled with other code
 * waits for them for ever. A path is taken for an address that is fetched.
 *
 * @param options.threads @default 1
 */
export const createSession: CreateSession = async (
  model,
  { engine = "onnxruntime", device = "cpu", precision = "fp32", threads = 1, signal } = {},
) => {
  signal?.throwIfAborted();
  const { session, release: free } = await openInferenceSession({
    model,
    engine,
    device,
    precision,
    threads,
  });
  const calls = callQueue();
  const release = async (): Promise<void> => {
    await calls.end(
      new SessionError("runtime/released", "The session was released; open a new one to run again."),
    );
    await runtimeCalls.add(free);
  };
  let released: Promise<void> | undefined;
  return {
    engine,
    device,
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    run(feeds, { outputs = session.outputNames, transfer = false, signal: runSignal } = {}) {
      const own = ownFeeds(feeds, transfer);
      return calls.add(() => {
        runSignal?.throwIfAborted();
        return runtimeCalls.add(() => session.run(own, outputs));
      });
    },
    release: () => (released ??= release()),
  };
};

/**
 * Opens the model with the build of ONNX Runtime that the device needs.
 *
 * @throws SessionError as `CreateSession` does
 */
async function openInferenceSession({
  model,
  engine,
  device,
  precision,
  threads,
}: SessionRequest): Promise<{ readonly session: EngineSession; readonly release: () => Promise<void> }> {
  requireEngine({ engine, device, precision }, ["onnxruntime"]);
  const { onnxRuntime, options } = await openOnnxRuntime(device, threads);
  try {
    const session = await runtimeCalls.add(() =>
      // Each of the two has a signature of its own.
      typeof model === "string"
        ? onnxRuntime.InferenceSession.create(model, options)
        : onnxRuntime.InferenceSession.create(model, options),
    );
    return { session: ortEngineSession(onnxRuntime, session), release: () => session.release() };
  } catch (error) {
    throw openFailed(error, device, modelTitle(model));
  }
}

/** The feeds in memory that the caller does not have. */
function ownFeeds(feeds: Feeds, transfer: boolean): Feeds {
  const plain = Object.entries(feeds).map(([name, { dtype, dims, data }]) => [name, { dtype, dims, data }]);
  const buffers = transfer ? [...new Set(Object.values(feeds).map(({ data }) => data.buffer))] : [];
  return structuredClone(Object.fromEntries(plain) as Feeds, { transfer: buffers });
}

/** Runs of all sessions: those of one device share a WebAssembly instance, which takes one at a time. */
const runtimeCalls: CallQueue = callQueue();

/** ONNX Runtime for a device, and how it opens a session there; `cpu` is WebAssembly. */
export async function openOnnxRuntime(
  device: Device,
  threads = 1,
): Promise<{ readonly onnxRuntime: OnnxRuntime; readonly options: SessionOptions }> {
  const onnxRuntime = await loadOnnxRuntime(device).catch((cause: unknown) => {
    throw new SessionError("runtime/not-installed", `onnxruntime-web could not be loaded: ${String(cause)}`, {
      cause,
    });
  });
  // One setting for the page, which counts until the first session is opened.
  onnxRuntime.env.wasm.numThreads = threads;
  // What goes wrong comes back as an error; ONNX Runtime's own lines on the console would say it twice.
  onnxRuntime.env.logLevel = "fatal";
  return {
    onnxRuntime,
    options: {
      executionProviders: [device === "cpu" ? "wasm" : device],
      graphOptimizationLevel: "all",
      enableMemPattern: false,
      logSeverityLevel: 4,
    },
  };
}

/** Loads WebAssembly and starts it, as the first session does otherwise: here one of no model, which then fails. */
export async function startOnnxRuntime(): Promise<void> {
  const { onnxRuntime, options } = await openOnnxRuntime("cpu");
  await runtimeCalls.add(() =>
    onnxRuntime.InferenceSession.create(new Uint8Array(), options).catch(() => undefined),
  );
}

type SessionOptions = NonNullable<Parameters<OnnxRuntime["InferenceSession"]["create"]>[1]>;

/** Opens the session of a worker, in one thread: others would need a page that is isolated across origins. */
export const openEngineSession: OpenEngineSession = async (request) =>
  (await openInferenceSession({ ...request, threads: 1 })).session;
