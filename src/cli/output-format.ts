import { extname } from "node:path";
import { UsageError } from "../core/index.ts";
import type { OutputFormat, OutputOptions } from "./options/output-options.ts";

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
