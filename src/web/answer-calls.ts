import { answerCallsOn, type Methods, type Request } from "../runtime/thread-calls.ts";

/** Answers the calls of whoever started this worker, each with the method of its name. */
export function answerCalls(methods: Methods): void {
  answerCallsOn(
    {
      post: (reply, transfer) => self.postMessage(reply, { transfer: [...transfer] }),
      listen: (listener) =>
        self.addEventListener("message", ({ data }: MessageEvent<Request>) => listener(data)),
      end: () => self.close(),
    },
    methods,
  );
}

/** One turn of the event loop: messages that came meanwhile are seen. Timers would wait for 4 ms. */
export const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener("message", () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(undefined);
  });
