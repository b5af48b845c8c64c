import { DataError, UsageError } from "../../core/index.ts";
import { readText as readStored } from "../../core/storage/index.ts";
import { linesOf } from "../../data/class-mapping.ts";
import { nodeStorageFor } from "../../node/files/file-storage.ts";
import type { CliOption, OptionTable, OptionValues } from "./command.ts";
import { flag, oneOf, text } from "./schemas.ts";

const inputGroup = "Input:";

/** How images are found and read. */
export const inputOptions = {
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
} satisfies OptionTable;

/** The same where images need labels. */
export const labelledInputOptions = {
  ...inputOptions,
  labelsFile: {
    flags: "--labels-file <table>",
    about:
      "a table with an image and its label in each row (.csv, .tsv, .parquet, or lines of NAME LABEL), in place of the labels of the data; the columns are then its own",
    group: inputGroup,
    schema: text.optional(),
  },
} satisfies OptionTable;

/** What the inputs of the image commands may be. */
export const imageOperand =
  'image files, folders (with all below them), .tar shards, Parquet tables, globs of these, or "-" for standard input';

/** `--json` of the commands that give one document. */
export const jsonOption: CliOption<boolean> = {
  flags: "--json",
  about: "print JSON",
  schema: flag,
};

export const formats = ["table", "jsonl", "json", "csv", "parquet"] as const;

/** How results are written: `table` is for reading, the others are for programs; `npy` is for vectors alone. */
export type OutputFormat = (typeof formats)[number] | "npy";

const outputGroup = "Output:";

/** Where the results of many images go, and how. */
export const outputOptions = {
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
    schema: oneOf<OutputFormat>(formats).optional(),
  },
  output: {
    flags: "-o, --output <file>",
    about:
      "write there instead of to standard output: the file appears at the end of the run, at Ctrl-C with the results so far; an error leaves an earlier file as it is",
    group: outputGroup,
    schema: text.optional(),
  },
} satisfies OptionTable;

export type OutputOptions = OptionValues<typeof outputOptions>;

/**
 * A small file that an option names.
 *
 * @throws UsageError `usage/unreadable-file` when it cannot be read.
 */
export async function readText(path: string): Promise<string> {
  try {
    return await readStored(nodeStorageFor(path), path);
  } catch (cause) {
    if (cause instanceof DataError) throw new UsageError("usage/unreadable-file", cause.message, { cause });
    throw cause;
  }
}

/** Class names of a file with one name a line. */
export async function readLabels(path: string): Promise<readonly string[]> {
  return linesOf(await readText(path));
}
