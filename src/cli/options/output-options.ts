import type { CliOption, OptionTable } from "./option.ts";
import { flag, oneOf, text } from "./schemas.ts";

/** `--json` of the commands that give one document. */
export const jsonOption: CliOption<boolean> = {
  flags: "--json",
  about: "print JSON",
  schema: flag,
};

/** How results are written: `table` is for reading, the others are for programs. */
export type OutputFormat = "table" | "jsonl" | "json" | "csv" | "parquet";

const formats = ["table", "jsonl", "json", "csv", "parquet"] as const satisfies OutputFormat[];

/** Where the results of many images go, and how. */
export interface OutputOptions {
  readonly json: boolean;
  readonly format: OutputFormat | undefined;
  readonly output: string | undefined;
}

const group = "Output:";

export const outputOptions: OptionTable<OutputOptions> = {
  json: { flags: "--json", about: "one JSON object a line: short for --format jsonl", group, schema: flag },
  format: {
    flags: "-f, --format <format>",
    about: `${formats.join(", ")} (default: what --output ends in, else table)`,
    group,
    schema: oneOf(formats).optional(),
  },
  output: {
    flags: "-o, --output <file>",
    about:
      "write there instead of to standard output: the file appears at the end of the run, at Ctrl-C with the results so far; an error leaves an earlier file as it is",
    group,
    schema: text.optional(),
  },
};
