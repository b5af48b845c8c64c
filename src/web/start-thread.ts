import { SessionError } from "../core/errors.ts";
import { threadOver, type Reply } from "../runtime/thread-calls.ts";
import type { StartThread, ThreadScript } from "../runtime/thread.ts";

/** Starts one of the built scripts of `workers/` in a module worker. */
export const startThread: StartThread = (script) => {
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
