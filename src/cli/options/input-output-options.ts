import type { CliOption, OptionTable } from "./command.ts";
import { flag, oneOf, text } from "./schemas.ts";

/** How images are found and read. */
export interface InputOptions {
  readonly exif: boolean;
  readonly imageColumn: string | undefined;
  readonly labelColumn: string | undefined;
}

const inputGroup = "Input:";

export const inputOptions: OptionTable<InputOptions> = {
  exif: {
    flags: "--exif",
    about: "turn photographs upright as their EXIF orientation says; timm does not",
    group: inputGroup,
    schema: flag,
  },
  imageColumn: {
    flags: "--image-column <name>",
    about: "column of a Parquet table that holds the images (default: found by its content)",
    group: inputGroup,
    schema: text.optional(),
  },
  labelColumn: {
    flags: "--label-column <name>",
    about: "column of a Parquet table that holds the labels (default: label and the like)",
    group: inputGroup,
    schema: text.optional(),
  },
};

/** What the inputs of the image commands may be. */
export const imageOperand =
  'image files, folders (with all below them), .tar shards, Parquet tables, globs of these, or "-" for standard input';

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

const outputGroup = "Output:";

export const outputOptions: OptionTable<OutputOptions> = {
  json: {
    flags: "--json",
    about: "one JSON object a line: short for --format jsonl",
    group: outputGroup,
    schema: flag,
  },
  format: {
    flags: "-f, --format <format>",
    about: `${formats.join(", ")} (default: what --output ends in, else table)`,
    group: outputGroup,
    schema: oneOf(formats).optional(),
  },
  output: {
    flags: "-o, --output <file>",
    about:
      "write there instead of to standard output: the file appears at the end of the run, at Ctrl-C with the results so far; an error leaves an earlier file as it is",
    group: outputGroup,
    schema: text.optional(),
  },
};
