import { constants } from "node:os";
import { styleText } from "node:util";

/** Where a command's results and notices go, and the signal that ends it early. */
export interface Terminal {
  /** Aborted by Ctrl-C and by SIGTERM, and when nobody reads the results any more. */
  readonly signal: AbortSignal;
  /** Columns of the terminal that shows the results; 120 when they go elsewhere. */
  readonly columns: number;
  /** Style of the results. */
  readonly style: Style;
  /** Writes results to standard output; resolves when the reader keeps up. */
  write(text: string): Promise<void>;
  /** Writes lines of results. */
  print(lines: readonly string[]): Promise<void>;
  /** Writes a line to standard error, above the status line. */
  notice(line: string): void;
  /** Replaces the status line of standard error; nothing where that is no terminal. */
  status(draw: (columns: number) => string): void;
  /** Removes the status line. */
  clearStatus(): void;
  /** Style of standard error. */
  readonly noticeStyle: Style;
  /** Whether standard error is a terminal. */
  readonly interactive: boolean;
}

const columnsElsewhere = 120;
const clearLine = "\r\u001B[2K";

/** The terminal of this process. */
export function processTerminal(controller: AbortController): Terminal {
  const { stdout, stderr } = process;
  const interactive = stderr.isTTY;
  let statusShown = false;

  // The reader of a pipe may leave early, as head does: that ends the run, and is no failure.
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    controller.abort(error.code === "EPIPE" ? new ReaderGone() : error);
  });

  // Nobody reads what is said to a terminal that is closed, and what is under way is saved all the same.
  stderr.on("error", () => undefined);

  const clearStatus = (): void => {
    if (statusShown) stderr.write(clearLine);
    statusShown = false;
  };
  const write = async (text: string): Promise<void> => {
    controller.signal.throwIfAborted();
    if (stdout.isTTY) clearStatus();
    if (!stdout.write(text)) await drained(stdout, controller.signal);
  };
  return {
    signal: controller.signal,
    columns: stdout.isTTY ? stdout.columns : columnsElsewhere,
    style: styleFor(stdout.isTTY),
    write,
    print: (lines) => write(lines.map((line) => `${line}\n`).join("")),
    notice(line) {
      clearStatus();
      stderr.write(`${line}\n`);
    },
    status(draw) {
      if (!interactive) return;
      stderr.write(clearLine + draw(stderr.columns));
      statusShown = true;
    },
    clearStatus,
    noticeStyle: styleFor(interactive),
    interactive,
  };
}

/** A terminal that shows nothing. */
export const silent = (terminal: Terminal): Terminal => ({
  ...terminal,
  write: () => Promise.resolve(),
  print: () => Promise.resolve(),
  notice: () => undefined,
  status: () => undefined,
  clearStatus: () => undefined,
  interactive: false,
});

/** Why a run ends when the reader of its results has gone. */
export class ReaderGone extends Error {}

/** Signals by which a process is told to stop, in their usual senses: by Ctrl-C, by somebody else, by a terminal that is closed. */
export const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

type StopSignal = (typeof stopSignals)[number];

/** Why a run ends at Ctrl-C, or when it is told to end. */
export class Interrupted extends Error {
  /** 128 and the number of the signal, as shells report it. */
  readonly exitCode: number;

  constructor(signal: StopSignal) {
    super("interrupted");
    this.exitCode = 128 + constants.signals[signal];
  }
}

/** Why a process ends that has nothing to say any more, such as when another one says it. */
export class Silent extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super("ended");
    this.exitCode = exitCode;
  }
}

function drained(stream: NodeJS.WriteStream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      stream.off("drain", settle);
      signal.removeEventListener("abort", settle);
      if (signal.aborted) reject(signal.reason as Error);
      else resolve();
    };
    stream.once("drain", settle);
    signal.addEventListener("abort", settle, { once: true });
  });
}

/** Prints lines; after Ctrl-C nothing is printed, and the run ends by itself when it has saved its state. */
export async function printUnlessAborted(lines: readonly string[], terminal: Terminal): Promise<void> {
  if (lines.length === 0 || terminal.signal.aborted) return;
  try {
    await terminal.print(lines);
  } catch (error) {
    if (!terminal.signal.aborted) throw error;
  }
}

/** Paints text for a stream; plain when it is no terminal or NO_COLOR is set. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  accent(text: string): string;
  warning(text: string): string;
  failure(text: string): string;
}

type Format = Parameters<typeof styleText>[0];

/** The style for a stream, after the conventions of NO_COLOR (https://no-color.org) and FORCE_COLOR. */
export function styleFor(isTerminal: boolean, environment: NodeJS.ProcessEnv = process.env): Style {
  const coloured = environment["NO_COLOR"] ? false : (forced(environment["FORCE_COLOR"]) ?? isTerminal);
  const paint =
    (format: Format) =>
    (text: string): string =>
      coloured ? styleText(format, text, { validateStream: false }) : text;
  return {
    bold: paint("bold"),
    dim: paint("dim"),
    accent: paint("cyan"),
    warning: paint("yellow"),
    failure: paint("red"),
  };
}

function forced(value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  return value !== "0" && value !== "false";
}
