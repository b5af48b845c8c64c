import type { OptionTable } from "./option.ts";
import { flag, text } from "./schemas.ts";

/** How images are found and read. */
export interface InputOptions {
  readonly exif: boolean;
  readonly imageColumn: string | undefined;
  readonly labelColumn: string | undefined;
}

const group = "Input:";

export const inputOptions: OptionTable<InputOptions> = {
  exif: {
    flags: "--exif",
    about: "turn photographs upright as their EXIF orientation says; timm does not",
    group,
    schema: flag,
  },
  imageColumn: {
    flags: "--image-column <name>",
    about: "column of a Parquet table that holds the images (default: found by its content)",
    group,
    schema: text.optional(),
  },
  labelColumn: {
    flags: "--label-column <name>",
    about: "column of a Parquet table that holds the labels (default: label and the like)",
    group,
    schema: text.optional(),
  },
};

/** What the inputs of the image commands may be. */
export const imageOperand =
  'image files, folders (with all below them), .tar shards, Parquet tables, globs of these, or "-" for standard input';
