import { printable, SslResnextError, UsageError } from "../../core/index.ts";
import { Interrupted, ReaderGone, Silent, type Terminal } from "./terminal.ts";

/** Reports what ended a run and gives its exit code. */
export function reportFailure(error: unknown, terminal: Terminal): number {
  if (error instanceof Silent) return error.exitCode;
  const reason: unknown = terminal.signal.aborted ? terminal.signal.reason : error;
  if (reason instanceof ReaderGone) return 0;
  if (reason instanceof Interrupted) {
    terminal.notice("interrupted");
    return reason.exitCode;
  }
  const style = terminal.noticeStyle;
  if (error instanceof SslResnextError) {
    terminal.notice(`${style.failure("error:")} ${safeLines(error.message)} ${style.dim(`[${error.code}]`)}`);
    return exitCodeOf(error);
  }
  // Not one of ours: the trace is what a report of the fault needs.
  terminal.notice(
    `${style.failure("unexpected error:")} ${error instanceof Error ? error.stack : String(error)}`,
  );
  return 1;
}

/** Exit code after an error: 2 for what the caller has to correct, 75 where starting again helps, else 1. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof SslResnextError)) return 1;
  if (error.code === "cluster/peer-lost") return 75;
  return error instanceof UsageError || error.code === "model/unknown-name" ? 2 : 1;
}

const safeLines = (message: string): string => message.split("\n").map(printable).join("\n");
