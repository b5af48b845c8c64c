import type { Failure } from "../../predict/index.ts";
import type { Outcome } from "../options/command.ts";
import { duration, grouped, plural } from "./numbers.ts";
import { imageProgress } from "./progress.ts";
import { printable } from "./table.ts";
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

/** An image that failed, in the least that a summary needs. */
export interface NamedFailure {
  readonly image: string;
  readonly message: string;
}

/** Failures that a summary names; of more, it gives the number. */
const namedFailures = 20;

/** What the end of a run says about its failures; nothing when there were none. */
export function failureSummary(failures: readonly NamedFailure[], failed: number, done: number): string[] {
  if (failed === 0) return [];
  const named = failures.slice(0, namedFailures);
  const unnamed = failed - named.length;
  return [
    `${grouped(failed)} of ${plural(done, "image")} failed:`,
    ...named.map(({ image, message }) => `  ${printable(withName(image, message))}`),
    ...(unnamed > 0 ? [`  and ${grouped(unnamed)} more`] : []),
  ];
}

/** Most messages name the image already. */
const withName = (image: string, message: string): string =>
  message.startsWith(image) ? message : `${image}: ${message}`;
