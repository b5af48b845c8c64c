import type { Failure } from "../predict/index.ts";
import type { Outcome } from "./command.ts";
import { failureSummary, namedFailures, type NamedFailure } from "./image-failures.ts";
import { imageProgress } from "./image-progress.ts";
import { duration, plural } from "./output/numbers.ts";
import type { Terminal } from "./terminal.ts";

export interface ImageRun<Answer> {
  readonly answers: AsyncIterable<Answer | Failure>;
  /** Undefined while nobody knows. */
  readonly total: number | undefined;
  /** Takes each result, in order; failures too. */
  readonly take: (answer: Answer | Failure) => Promise<void>;
}

/**
 * Goes through the results of a run, draws its progress, and says at the end which images failed.
 *
 * @throws the signal's reason when the run is interrupted, after the results so far were taken.
 */
export async function runImages<Answer extends { readonly image: string }>(
  { answers, total, take }: ImageRun<Answer>,
  terminal: Terminal,
): Promise<Outcome> {
  const started = performance.now();
  const progress = imageProgress(total, terminal);
  const failures: NamedFailure[] = [];
  let done = 0;
  let failed = 0;

  for await (const answer of answers) {
    await take(answer);
    done++;
    if ("error" in answer) {
      failed++;
      // Flat memory: of a million failures, the first ones tell enough.
      if (failures.length < namedFailures) {
        failures.push({ image: answer.image, message: answer.error.message });
      }
    }
    progress(done, failed);
  }
  terminal.signal.throwIfAborted();
  terminal.clearStatus();
  if (terminal.interactive && done > 1) {
    const seconds = (performance.now() - started) / 1000;
    const rate = (done / seconds).toFixed(1);
    terminal.notice(
      terminal.noticeStyle.dim(`${plural(done, "image")} in ${duration(seconds)}, ${rate} a second`),
    );
  }
  for (const line of failureSummary(failures, failed, done)) terminal.notice(line);
  return failed > 0 ? "failed" : "ok";
}
