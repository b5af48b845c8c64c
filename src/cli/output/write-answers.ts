import { extname } from "node:path";
import { printable, UsageError } from "../../core/index.ts";
import { namesBeside, npyOnDisk, openNpyWriter } from "../../node/output/npy-writer.ts";
import { openResultWriter } from "../../node/output/open-result-writer.ts";
import type { ResultColumn, ResultRow } from "../../node/output/text-encoders.ts";
import type { ImageSource, LeftOutFiles } from "../../data/index.ts";
import type { Failure } from "../../predict/index.ts";
import type { OutputFormat, OutputOptions } from "../options/input-output-options.ts";
import type { FailureJson } from "./json.ts";
import { bar, duration, percent, plural } from "./numbers.ts";
import {
  failureSummary,
  leftOutLines,
  namedFailure,
  namedFailures,
  type NamedFailure,
} from "./closing-lines.ts";
import { imageProgress } from "./progress.ts";
import { pad, textWidth, truncate, truncateStart } from "./table.ts";
import { Interrupted, type Style, type Terminal } from "./terminal.ts";

/** How one kind of answer looks in each kind of output. */
export interface AnswerShape<Answer> {
  /** One object of JSON. */
  readonly entry: (answer: Answer) => ResultRow;
  /** Rows of CSV and Parquet. */
  readonly rows: (answer: Answer) => readonly ResultRow[];
  /** Columns of CSV and Parquet, and what they hold: the first answers may have failed and not show it. */
  readonly columns: readonly ResultColumn[];
  /** Lines for reading. */
  readonly lines: (answer: Answer) => readonly string[];
  /** The array of an answer, for NumPy; undefined for one that failed. Left out where answers are no arrays. */
  readonly array?: (
    answer: Answer,
  ) => { readonly dims: readonly number[]; readonly data: Float32Array } | undefined;
  /** Shape of an array, where no answer has one. */
  readonly arrayDims?: readonly number[];
}

/** Where the answers of a run go. */
interface AnswerOutput<Answer> {
  readonly take: (answer: Answer) => Promise<void>;
  /** Takes what was left out, behind all answers: an entry of JSON; tables have no place for it. */
  readonly leaveOut: (leftOut: readonly LeftOutFiles[]) => Promise<void>;
  /** Completes the output; a file appears now. */
  close(): Promise<void>;
  /** Gives the output up; an earlier file stays as it was. */
  abort(): Promise<void>;
}

/**
 * Opens the output that the options ask for, lets `run` write to it, and completes it.
 *
 * Results that were there at Ctrl-C are kept. After an error an earlier file stays as it was.
 *
 * @throws UsageError when format and file do not go together; DataError when the file cannot be written.
 */
export async function writeAnswers<Answer extends { readonly image: string }, Result>(
  shape: AnswerShape<Answer>,
  { leftOut, ...options }: OutputOptions & Pick<ImageSource, "leftOut">,
  terminal: Terminal,
  run: (take: (answer: Answer) => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const output = await openAnswerOutput(shape, options, terminal);
  let result: Result;
  let taken = 0;
  try {
    result = await run(async (answer) => {
      await output.take(answer);
      taken++;
    });
  } catch (error) {
    if (terminal.signal.reason instanceof Interrupted) {
      await output.close();
      if (options.output !== undefined) terminal.notice(`${options.output} holds the results so far`);
    } else {
      await output.abort();
    }
    throw error;
  }
  if (leftOut) await output.leaveOut(leftOut);
  await output.close();
  for (const line of leftOutLines(leftOut)) terminal.notice(line);
  if (options.output !== undefined) {
    const names =
      outputFormat(options) === "npy" ? `, ${printable(namesBeside(options.output))} their names` : "";
    terminal.notice(`${printable(options.output)} holds the results of ${plural(taken, "image")}${names}`);
  }
  return result;
}

async function openAnswerOutput<Answer extends { readonly image: string }>(
  shape: AnswerShape<Answer>,
  options: OutputOptions,
  terminal: Terminal,
): Promise<AnswerOutput<Answer>> {
  checkOutput(options, shape.array !== undefined);
  const format = outputFormat(options);
  const nothing = (): Promise<void> => Promise.resolve();
  if (format === "table") {
    const take = (answer: Answer): Promise<void> => terminal.print(shape.lines(answer));
    return { take, leaveOut: nothing, close: nothing, abort: nothing };
  }
  if (format === "npy") {
    const writer = await openNpyWriter(options.output!, shape.arrayDims ?? []);
    return {
      async take(answer) {
        // One that failed is named at the end, and has no place among numbers.
        const array = shape.array!(answer);
        if (array) await writer.write(answer.image, array);
      },
      leaveOut: nothing,
      close: () => writer.close(),
      abort: () => writer.abort(),
    };
  }
  const flat = format === "csv" || format === "parquet";
  const writer = await openResultWriter({
    format,
    path: options.output,
    columns: flat ? shape.columns : undefined,
  });
  return {
    async take(answer) {
      for (const row of flat ? shape.rows(answer) : [shape.entry(answer)]) await writer.write(row);
    },
    leaveOut: async (leftOut) => {
      if (!flat) await writer.write({ leftOut: leftOut.map((kind) => ({ ...kind })) });
    },
    close: () => writer.close(),
    abort: () => writer.abort(),
  };
}

/**
 * Checks that answers can be written as the options ask for it.
 *
 * @param areArrays Whether the answers may be arrays, for NumPy.
 * @throws UsageError `usage/format`; DataError `data/read-only` for an array that is not on a disk
 */
export function checkOutput(options: OutputOptions, areArrays: boolean): void {
  const { output } = options;
  const format = outputFormat(options);
  if (output !== undefined && (format === "table" || (format === "npy" && !areArrays))) {
    const arrays = areArrays ? ".npy, " : "";
    throw new UsageError(
      "usage/format",
      `--output ${output}: end it in ${arrays}.jsonl, .json, .csv or .parquet, or name one with --format.`,
    );
  }
  if (format === "npy") npyOnDisk(output!);
}

const byExtension: Readonly<Record<string, OutputFormat>> = {
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".json": "json",
  ".csv": "csv",
  ".parquet": "parquet",
  ".npy": "npy",
};

/**
 * The format that the options ask for: by name, else by the ending of the output file, else the table.
 *
 * @throws UsageError `usage/format` for two formats at once, and for Parquet and NumPy's without a file.
 */
export function outputFormat({ json, format, output }: OutputOptions): OutputFormat {
  if (json && format !== undefined && format !== "jsonl") {
    throw new UsageError(
      "usage/format",
      `--json asks for jsonl and --format for ${format}: give one of the two.`,
    );
  }
  const chosen = json ? "jsonl" : (format ?? byExtension[extname(output ?? "").toLowerCase()] ?? "table");
  if ((chosen === "parquet" || chosen === "npy") && output === undefined) {
    const what = chosen === "npy" ? "an array of NumPy's" : "a table in Parquet";
    throw new UsageError("usage/format", `--format ${chosen} needs --output: ${what} is a file.`);
  }
  return chosen;
}

/** One line of an answer. */
interface RankedLabel {
  readonly label: string;
  /** Share of 1 that the bar shows. */
  readonly share: number;
  /** The number beside the bar. @default the share in percent */
  readonly figure?: string;
}

const widestLabel = 36;
const narrowestLabel = 12;
const widestBar = 32;
const narrowestBar = 8;
const indent = "  ";

interface PredictionLayout {
  readonly columns: number;
  readonly style: Style;
  /** Width of the widest label that may come, so that one image's lines stand under the other's. */
  readonly widest?: number;
}

/** The answer for one image: its name, then a line with label, bar and figure for each class. */
export function predictionLines(
  image: string,
  ranked: readonly RankedLabel[],
  { columns, style, widest = Math.max(...ranked.map(({ label }) => textWidth(label))) }: PredictionLayout,
): string[] {
  const labels = ranked.map(({ label }) => printable(label));
  const figures = ranked.map(({ share, figure }) => figure ?? percent(share));
  const figureColumns = Math.max(...figures.map(textWidth), "100.00 %".length);
  const room = columns - indent.length - figureColumns - 2;
  const labelColumns = Math.max(
    8,
    Math.min(Math.max(widest, narrowestLabel), widestLabel, room - narrowestBar - 2),
  );
  const barColumns = Math.min(widestBar, room - labelColumns - 2);
  const lines = ranked.map(({ share }, at) => {
    const label = pad(truncate(labels[at]!, labelColumns), labelColumns);
    const figure = pad(figures[at]!, figureColumns, "right");
    // Where even a short bar finds no place, label and figure still do.
    const drawn = barColumns >= 4 ? `  ${style.accent(bar(share, barColumns))}` : "";
    return `${indent}${at === 0 ? style.bold(label) : label}${drawn}  ${at === 0 ? style.bold(figure) : figure}`;
  });
  return [style.bold(truncateStart(printable(image), columns)), ...lines];
}

/** The line for an image that failed. */
export function failureLines(
  image: string,
  message: string,
  { columns, style }: { readonly columns: number; readonly style: Style },
): string[] {
  return [
    style.bold(truncateStart(printable(image), columns)),
    `${indent}${style.failure("failed")}  ${printable(message)}`,
  ];
}

/** An image that failed, as JSON. */
export function failureEntry({ image, error }: Failure): FailureJson {
  return { image, error: { code: error.code, message: error.message } };
}

/** An image that failed, as a row of a table. */
export function failureRow({ image, error }: Failure): ResultRow {
  return { image, error: `${error.code}: ${error.message}` };
}

/** How many images a run took, failures too. */
export interface ImageCounts {
  readonly images: number;
  readonly failed: number;
}

export interface ImageRun<Answer> {
  readonly answers: AsyncIterable<Answer | Failure>;
  /** Undefined while nobody knows. */
  readonly total: number | undefined;
  /** Takes each result, in order; failures too. */
  readonly take: (answer: Answer | Failure) => Promise<void>;
  /** Called after each result. */
  readonly onImage?: (() => void) | undefined;
}

/**
 * Goes through the results of a run, draws its progress, and says at the end which images failed.
 *
 * @throws the signal's reason when the run is interrupted, after the results so far were taken.
 */
export async function runImages<Answer extends { readonly image: string }>(
  { answers, total, take, onImage }: ImageRun<Answer>,
  terminal: Terminal,
): Promise<ImageCounts> {
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
        failures.push(namedFailure(answer));
      }
    }
    progress(done, failed);
    onImage?.();
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
  return { images: done, failed };
}
