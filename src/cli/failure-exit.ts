import { SslResnextError, UsageError } from "../core/index.ts";
import { printable } from "./output/text-width.ts";
import { Interrupted, ReaderGone, type Terminal } from "./terminal.ts";

/** Reports what ended a run and gives its exit code. */
export function failureExit(error: unknown, terminal: Terminal): number {
  const reason: unknown = terminal.signal.aborted ? terminal.signal.reason : error;
  if (reason instanceof ReaderGone) return 0;
  if (reason instanceof Interrupted) {
    terminal.notice("interrupted");
    return reason.exitCode;
  }
  const style = terminal.noticeStyle;
  if (error instanceof SslResnextError) {
    terminal.notice(`${style.failure("error:")} ${safeLines(error.message)} ${style.dim(`[${error.code}]`)}`);
    return error instanceof UsageError || error.code === "model/unknown-name" ? 2 : 1;
  }
  // Not one of ours: the trace is what a report of the fault needs.
  terminal.notice(
    `${style.failure("unexpected error:")} ${error instanceof Error ? error.stack : String(error)}`,
  );
  return 1;
}

const safeLines = (message: string): string => message.split("\n").map(printable).join("\n");
