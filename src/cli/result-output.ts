import { UsageError } from "../core/index.ts";
import { openResultWriter, type ResultColumn, type ResultRow } from "../node/output/index.ts";
import type { OutputOptions } from "./options/output-options.ts";
import { outputFormat } from "./output-format.ts";
import type { Terminal } from "./terminal.ts";

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
export interface AnswerOutput<Answer> {
  readonly take: (answer: Answer) => Promise<void>;
  /** Completes the output; a file appears now. */
  close(): Promise<void>;
}

/**
 * Opens the output that the options ask for.
 *
 * @throws UsageError when format and file do not go together; DataError when the file cannot be created.
 */
export async function openAnswerOutput<Answer>(
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
    return { take: (answer) => terminal.print(shape.lines(answer)), close: () => Promise.resolve() };
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
  };
}
