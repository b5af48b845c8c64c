import { parentPort, type Transferable } from "node:worker_threads";
import { answerCallsOn, type Methods } from "../../runtime/thread-calls.ts";

/** Answers the calls of the thread that started this one, each with the method of its name. */
export function answerCalls(methods: Methods): void {
  const port = parentPort;
  if (!port) throw new Error("This module runs in a worker thread.");
  answerCallsOn(
    {
      post: (reply, transfer) => port.postMessage(reply, transfer as readonly Transferable[]),
      listen: (listener) => void port.on("message", listener),
      end: () => process.exit(),
    },
    methods,
  );
}

/** One turn of the event loop: messages that came meanwhile are seen. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
