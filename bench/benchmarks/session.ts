import { availableParallelism } from "node:os";
import { InferenceSession } from "onnxruntime-node";

export const threads: number = availableParallelism();

/** Opens a session with the options that this package's own sessions have. */
export function openSession(path: string): Promise<InferenceSession> {
  return InferenceSession.create(path, {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    graphOptimizationLevel: "all",
    logSeverityLevel: 4,
  });
}

/** Seconds of one run, the mean over `repeats`. */
export async function timeRuns(
  session: InferenceSession,
  feeds: Parameters<InferenceSession["run"]>[0],
  repeats: number,
): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) await session.run(feeds);
  return (performance.now() - start) / 1000 / repeats;
}
