import { extname } from "node:path";
import { UsageError } from "../../core/index.ts";
import { openResultWriter } from "../../node/output/open-result-writer.ts";
import type { ResultColumn, ResultRow } from "../../node/output/result-row.ts";
import type { OutputFormat, OutputOptions } from "../options/input-output-options.ts";
import { Interrupted, type Terminal } from "./terminal.ts";

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
}

/** Where the answers of a run go. */
interface AnswerOutput<Answer> {
  readonly take: (answer: Answer) => Promise<void>;
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
export async function writeAnswers<Answer, Result>(
  shape: AnswerShape<Answer>,
  options: OutputOptions,
  terminal: Terminal,
  run: (take: (answer: Answer) => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const output = await openAnswerOutput(shape, options, terminal);
  let result: Result;
  try {
    result = await run(output.take);
  } catch (error) {
    if (terminal.signal.reason instanceof Interrupted) {
      await output.close();
      if (options.output !== undefined) terminal.notice(`${options.output} holds the results so far`);
    } else {
      await output.abort();
    }
    throw error;
  }
  await output.close();
  return result;
}

async function openAnswerOutput<Answer>(
  shape: AnswerShape<Answer>,
  options: OutputOptions,
  terminal: Terminal,
): Promise<AnswerOutput<Answer>> {
  const format = outputFormat(options);
  if (format === "table") {
    if (options.output !== undefined) {
      throw new UsageError(
        "usage/format",
        `--output ${options.output}: end it in .jsonl, .json, .csv or .parquet, or name one with --format.`,
      );
    }
    const nothing = (): Promise<void> => Promise.resolve();
    return { take: (answer) => terminal.print(shape.lines(answer)), close: nothing, abort: nothing };
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
    close: () => writer.close(),
    abort: () => writer.abort(),
  };
}

const byExtension: Readonly<Record<string, OutputFormat>> = {
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".json": "json",
  ".csv": "csv",
  ".parquet": "parquet",
};

/**
 * The format that the options ask for: by name, else by the ending of the output file, else the table.
 *
 * @throws UsageError `usage/format` for two formats at once, and for Parquet without a file.
 */
export function outputFormat({ json, format, output }: OutputOptions): OutputFormat {
  if (json && format !== undefined && format !== "jsonl") {
    throw new UsageError(
      "usage/format",
      `--json asks for jsonl and --format for ${format}: give one of the two.`,
    );
  }
  const chosen = json ? "jsonl" : (format ?? byExtension[extname(output ?? "").toLowerCase()] ?? "table");
  if (chosen === "parquet" && output === undefined) {
    throw new UsageError("usage/format", "--format parquet needs --output: a table in Parquet is a file.");
  }
  return chosen;
}
