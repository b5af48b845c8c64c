import type { Terminal } from "./terminal.ts";

/** Prints lines; after Ctrl-C nothing is printed, and the run ends by itself when it has saved its state. */
export async function printUnlessAborted(lines: readonly string[], terminal: Terminal): Promise<void> {
  if (lines.length === 0 || terminal.signal.aborted) return;
  try {
    await terminal.print(lines);
  } catch (error) {
    if (!terminal.signal.aborted) throw error;
  }
}
