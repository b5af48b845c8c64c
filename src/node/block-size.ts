import { blockSizeProbe } from "./block-size-probe.ts";
import { startWorkerThread, workerScript, type WorkerThread } from "./worker-thread.ts";

type Use = Parameters<typeof blockSizeProbe>[0];

const known = new Map<Use, Promise<number | undefined>>();

/**
 * Channels of one block of ONNX Runtime's CPU kernels, as a worker finds out by trying; asked once a process.
 *
 * @param thread A worker of image pipelines that is running anyway. @default one that is started and ended
 * @returns `undefined` where there are no such kernels, or they do not agree: the portable graph is right there.
 */
export function cpuBlockSize(thread?: WorkerThread): Promise<number | undefined> {
  return find("inference", thread);
}

/** The same for training, which relies on more of these kernels. */
export function trainingBlockSize(): Promise<number | undefined> {
  return find("training");
}

function find(use: Use, thread?: WorkerThread): Promise<number | undefined> {
  // Elsewhere the kernels may be missing, and calling them would end the process.
  if (process.arch !== "x64") return Promise.resolve(undefined);
  const asked = known.get(use);
  if (asked) return asked;
  const answer = thread ? ask(use, thread) : askNewWorker(use);
  known.set(use, answer);
  answer.catch(() => known.delete(use));
  return answer;
}

const ask = async (use: Use, thread: WorkerThread): Promise<number | undefined> =>
  thread.call<number | undefined>("blockSize", await blockSizeProbe(use));

async function askNewWorker(use: Use): Promise<number | undefined> {
  const thread = startWorkerThread(workerScript("images"));
  try {
    return await ask(use, thread);
  } finally {
    await thread.end();
  }
}
