import { parentPort, type Transferable } from "node:worker_threads";
import { SessionError } from "../../core/index.ts";
import { toWire, type Reply, type Request } from "./worker-thread.ts";

export interface Answer {
  readonly value: unknown;
  /** Buffers that move to the caller instead of being copied. */
  readonly transfer?: readonly ArrayBuffer[];
}

/** One call; `cancelled` turns true when the caller no longer wants the answer. */
export interface Call {
  readonly cancelled: boolean;
}

/** Answers the calls of the thread that started this one, each with the method of its name. */
export function answerCalls(
  methods: Readonly<Record<string, (argument: never, call: Call) => Promise<Answer>>>,
): void {
  const port = parentPort;
  if (!port) throw new SessionError("runtime/not-a-worker", "This module runs in a worker thread.");
  const calls = new Map<number, { cancelled: boolean }>();

  const answer = async ({ id, method, argument }: Request): Promise<void> => {
    const call = { cancelled: false };
    calls.set(id, call);
    try {
      const run = methods[method];
      if (!run) throw new SessionError("runtime/run-failed", `This worker has no method "${method}".`);
      const { value, transfer = [] } = await run(argument as never, call);
      port.postMessage({ id, value } satisfies Reply, transfer as Transferable[]);
    } catch (error) {
      port.postMessage({ id, error: toWire(error, "runtime/run-failed") } satisfies Reply);
    } finally {
      calls.delete(id);
    }
  };

  port.on("message", (request: Request) => {
    if (request.method === "end") process.exit();
    const call = calls.get(request.id);
    if (request.method !== "cancel") void answer(request);
    else if (call) call.cancelled = true;
  });
}
