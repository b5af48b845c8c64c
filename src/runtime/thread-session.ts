import type { Tensor } from "../core/tensor.ts";
import type { EngineSession, OpenEngineSession, Tensors } from "./engine-session.ts";
import type { StartThread } from "./platform.ts";
import type { CreateSession, Session, SessionRequest } from "./session.ts";
import type { Answer, Call, Methods } from "./thread-calls.ts";

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
  return async (model, options = {}) => {
    const { engine = "onnxruntime", device = "cpu", precision = "fp32", threads = cores() } = options;
    const { batchSize, signal } = options;
    const thread = startThread("session");
    try {
      const request: SessionRequest = { model, engine, device, precision, threads, batchSize };
      const names = await thread.call<Pick<Session, "inputNames" | "outputNames">>("open", request, {
        signal,
      });
      return {
        engine,
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
  readonly openSession: OpenEngineSession;
  /** One turn of the event loop, in which messages come in. */
  readonly nextTurn: () => Promise<void>;
}

/** The worker behind one session: a run blocks the thread that calls it. */
export function sessionWorker({ openSession, nextTurn }: SessionWorkerParts): Methods {
  let session: EngineSession | undefined;
  return {
    async open(request: SessionRequest): Promise<Answer> {
      session = await openSession(request);
      return { value: { inputNames: session.inputNames, outputNames: session.outputNames } };
    },
    async run({ feeds, outputs }: RunRequest, call: Call): Promise<Answer> {
      // An abort that came during the run before this one is seen.
      await nextTurn();
      if (call.cancelled || !session) return { value: undefined };
      const results = await session.run(feeds, outputs ?? session.outputNames);
      return { value: results, transfer: buffersOf(Object.values(results)) };
    },
  };
}
