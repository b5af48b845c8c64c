import { blockSizeProbe } from "./block-size-probe.ts";
import { startWorkerThread, workerScript, type WorkerThread } from "./worker-thread.ts";

/** The one question that these workers are asked here. */
const ask = async (thread: WorkerThread): Promise<number | undefined> =>
  thread.call<number | undefined>("blockSize", await blockSizeProbe());

let known: Promise<number | undefined> | undefined;

/**
 * Channels of one block of ONNX Runtime's CPU kernels, as a worker finds out by trying; asked once a process.
 *
 * @param thread A worker of image pipelines that is running anyway. @default one that is started and ended
 * @returns `undefined` where there are no such kernels, or they do not agree: the portable graph is right there.
 */
export function cpuBlockSize(thread?: WorkerThread): Promise<number | undefined> {
  // Elsewhere the kernels may be missing, and calling them would end the process.
  if (process.arch !== "x64") return Promise.resolve(undefined);
  known ??= thread ? ask(thread) : askNewWorker();
  known.catch(() => (known = undefined));
  return known;
}

async function askNewWorker(): Promise<number | undefined> {
  const thread = startWorkerThread(workerScript("images"));
  try {
    return await ask(thread);
  } finally {
    await thread.end();
  }
}
