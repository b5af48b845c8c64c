import type { InferenceSession } from "onnxruntime-common";
import type { Tensor } from "../core/tensor.ts";
import { fromOrt, runFailed, toOrt, type OnnxRuntime } from "./onnx-runtime.ts";
import type { StartThread } from "./platform.ts";
import type { CreateSession, Session, SessionRequest } from "./session.ts";
import type { Answer, Call, Methods } from "./thread-calls.ts";

type Tensors = Readonly<Record<string, Tensor>>;

interface RunRequest {
  readonly feeds: Tensors;
  readonly outputs: readonly string[] | undefined;
}

/**
 * Opens sessions in a thread of its own each, so that runs never block the caller; an idle one does not keep a process
 * alive.
 *
 * @param cores Threads that a session uses where nothing else is asked for.
 */
export function threadSessions(startThread: StartThread, cores: () => number): CreateSession {
  return async (model, { device = "cpu", threads = cores(), signal } = {}) => {
    const thread = startThread("session");
    try {
      const request: SessionRequest = { model, device, threads };
      const names = await thread.call<Pick<Session, "inputNames" | "outputNames">>("open", request, {
        signal,
      });
      return {
        device,
        ...names,
        run: (feeds, { outputs, transfer = false, signal: runSignal } = {}) => {
          const run: RunRequest = { feeds: plainTensors(feeds), outputs };
          return thread.call<Tensors>("run", run, {
            transfer: transfer ? buffersOf(Object.values(feeds)) : [],
            signal: runSignal,
          });
        },
        release: () => thread.end(),
      };
    } catch (error) {
      await thread.end();
      throw error;
    }
  };
}

/** Without whatever else the values carry: a method cannot cross to another thread. */
function plainTensors(feeds: Tensors): Tensors {
  const plain = ({ dtype, dims, data }: Tensor): Tensor => ({ dtype, dims, data });
  return Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, plain(tensor)]));
}

/** Each buffer once: several tensors may be views of one. */
const buffersOf = (tensors: readonly Tensor[]): ArrayBuffer[] => [
  ...new Set(tensors.map(({ data }) => data.buffer)),
];

/** What a platform gives its worker for a session. */
export interface SessionWorkerParts {
  readonly runtime: OnnxRuntime;
  /** @throws SessionError as `CreateSession` does. */
  readonly openSession: (request: SessionRequest) => Promise<InferenceSession>;
  /** One turn of the event loop, in which messages come in. */
  readonly nextTurn: () => Promise<void>;
}

/** The worker behind one session: `run()` of ONNX Runtime blocks the thread that calls it. */
export function sessionWorker({ runtime, openSession, nextTurn }: SessionWorkerParts): Methods {
  let session: InferenceSession | undefined;
  return {
    async open(request: SessionRequest): Promise<Answer> {
      session = await openSession(request);
      return { value: { inputNames: session.inputNames, outputNames: session.outputNames } };
    },
    async run({ feeds, outputs }: RunRequest, call: Call): Promise<Answer> {
      // An abort that came during the run before this one is seen.
      await nextTurn();
      if (call.cancelled || !session) return { value: undefined };
      try {
        const ortFeeds = Object.entries(feeds).map(
          ([name, tensor]) => [name, toOrt(runtime, name, tensor)] as const,
        );
        const results = await session.run(Object.fromEntries(ortFeeds), [
          ...(outputs ?? session.outputNames),
        ]);
        const tensors = Object.entries(results).map(([name, result]) => [name, fromOrt(result)] as const);
        return {
          value: Object.fromEntries(tensors),
          transfer: buffersOf(tensors.map(([, tensor]) => tensor)),
        };
      } catch (cause) {
        throw runFailed(cause);
      }
    },
  };
}
