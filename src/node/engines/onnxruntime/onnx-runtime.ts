import { createRequire } from "node:module";
import { join } from "node:path";
import { workerData } from "node:worker_threads";
import type * as OnnxRuntime from "onnxruntime-node";
import type { InferenceSession } from "onnxruntime-node";
import { callQueue } from "../../../runtime/call-queue.ts";
import type { OpenEngineSession } from "../../../runtime/engine-session.ts";
import { modelTitle } from "../../../runtime/engine-errors.ts";
import { openFailed, ortEngineSession, type OnnxRuntime as Runtime } from "../../../runtime/onnx-runtime.ts";
import type { Device } from "../../../runtime/engine.ts";
import { nativeLibraryMissing } from "../../native-library.ts";
import { installOnnxRuntime } from "./install-onnx-runtime.ts";

/**
 * onnxruntime-node from beside this package, or else from the cache, where it is installed if need be.
 *
 * @throws SessionError `runtime/native-library`, and what `installOnnxRuntime` throws
 */
async function load(): Promise<typeof OnnxRuntime> {
  let require = createRequire(import.meta.url);
  try {
    require.resolve("onnxruntime-node");
  } catch {
    require = createRequire(join(await installOnnxRuntime(), "package.json"));
  }
  try {
    return require("onnxruntime-node") as typeof OnnxRuntime;
  } catch (cause) {
    const made = "Linux with glibc, and Windows, on x64 and arm64, and macOS on arm64";
    throw nativeLibraryMissing("onnxruntime-node", made, cause);
  }
}

/** ONNX Runtime; importing this module loads it, so only worker threads do. */
export const onnxRuntime: typeof OnnxRuntime = await load();

// What goes wrong comes back as an error; ONNX Runtime's own lines on stderr would say it twice.
onnxRuntime.env.logLevel = "fatal";

/**
 * ONNX Runtime as it is used on a device.
 *
 * Its WebGPU provider has one context for the whole process, and two threads in it at once end the process (1.30): what
 * they ask of it takes turns.
 */
export function runtimeOn(device: Device): Runtime {
  if (device !== "webgpu") return onnxRuntime;
  const { Tensor, InferenceSession } = onnxRuntime;
  const create = async (...given: readonly unknown[]): Promise<InferenceSession> => {
    const session = await gpu.inTurn(() => (InferenceSession.create as Create)(...given));
    const run = session.run.bind(session) as Run;
    const release = session.release.bind(session);
    gpu.open.add(release);
    return Object.assign(session, {
      run: (...feeds: readonly unknown[]) => gpu.inTurn(() => run(...feeds)),
      release() {
        gpu.open.delete(release);
        return gpu.inTurn(release);
      },
    });
  };
  return { Tensor, InferenceSession: { create } };
}

// Each has several signatures.
type Create = (...given: readonly unknown[]) => Promise<InferenceSession>;
type Run = (...feeds: readonly unknown[]) => ReturnType<InferenceSession["run"]>;

/** The GPU, which the threads of this process take by turns. */
const gpu = takenByTurns((workerData as { readonly gpuTurn: SharedArrayBuffer } | null)?.gpuTurn);

function takenByTurns(shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)): {
  /** Does this when no other thread is at it, and holds this one up until then. */
  inTurn<Value>(work: () => Promise<Value>): Promise<Value>;
  /** Releases sessions that are open. */
  readonly open: Set<() => Promise<void>>;
} {
  const turn = new Int32Array(shared);
  const calls = callQueue();
  const open = new Set<() => Promise<void>>();
  let mine = false;
  const take = (): void => {
    while (Atomics.compareExchange(turn, 0, 0, 1) !== 0) Atomics.wait(turn, 0, 1);
    mine = true;
  };
  const giveBack = (): void => {
    mine = false;
    Atomics.store(turn, 0, 0);
    Atomics.notify(turn, 0, 1);
  };
  process.on("exit", () => {
    if (open.size === 0 && !mine) return;
    if (!mine) take();
    // Else they would go when the thread does, and another one may be at it then. The work is done before the promise is.
    for (const release of open) void release();
    giveBack();
  });
  return {
    open,
    inTurn: (work) =>
      calls.add(async () => {
        take();
        try {
          return await work();
        } finally {
          giveBack();
        }
      }),
  };
}

/** Opens the model with ONNX Runtime, and names what went wrong if it does not. */
export const openOrtSession: OpenEngineSession = async ({ model, device, threads }) => {
  const options: InferenceSession.SessionOptions = {
    executionProviders: [device],
    intraOpNumThreads: threads,
    graphOptimizationLevel: "all",
    logSeverityLevel: 4,
  };
  const runtime = runtimeOn(device);
  const { InferenceSession } = runtime;
  try {
    const session =
      // Each of the two has a signature of its own.
      typeof model === "string"
        ? await InferenceSession.create(model, options)
        : await InferenceSession.create(model, options);
    return ortEngineSession(runtime, session);
  } catch (error) {
    throw openFailed(error, device, modelTitle(model));
  }
};
