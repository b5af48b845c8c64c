import * as z from "zod";
import type { CommandDefinition, OptionValues } from "../options/command.ts";
import { labelledInputOptions } from "../options/input-output-options.ts";
import { embeddingOptions, modelOptions, runOptions } from "../options/model-options.ts";
import { flag, text } from "../options/schemas.ts";

const images = "Images:";

/** `check`: what is wrong with images before anything is trained on them. */
export const checkCommand = {
  operands: {
    "<data...>":
      "labelled images: a folder of class folders, .tar of the same, WebDataset shards, or Parquet with a label column",
  },
  options: {
    out: {
      flags: "-o, --out <folder>",
      about: "where the page, the list of fixes, and what a stopped check goes on from are written",
      schema: text.default("check"),
    },
    json: {
      flags: "--json",
      about: "print one JSON object a line for each finding, and a summary at the end",
      schema: flag,
    },
    unlabelled: {
      flags: "--unlabelled <data...>",
      about: "images of any content, without labels",
      group: images,
      schema: z.array(text).optional(),
    },
    test: {
      flags: "--test <data...>",
      about: "labelled images that accuracy is measured on",
      group: images,
      schema: z.array(text).optional(),
    },
    validation: {
      flags: "--validation <data...>",
      alias: "--val",
      about: "labelled images that a training is judged by",
      group: images,
      schema: z.array(text).optional(),
    },
    ...labelledInputOptions,
    apply: {
      flags: "--apply <fixes.csv>",
      about: "do not check: make a copy of the images with this list of fixes followed, in --to",
      group: "Fixes:",
      schema: text.optional(),
    },
    to: {
      flags: "--to <folder>",
      about: "with --apply: folder of the copy, which must not exist",
      group: "Fixes:",
      schema: text.optional(),
    },
    ...modelOptions,
    model: {
      ...modelOptions.model,
      about:
        "a name of the list of models, whose embeddings tell likely label errors, outliers and images unlike any class (default: none, or what --weights holds)",
    },
    ...runOptions,
    engine: { ...embeddingOptions.engine, group: runOptions.engine.group },
    precision: { ...embeddingOptions.precision, group: runOptions.engine.group },
  },
  examples: [
    ["check photos", "files, sizes, classes and copies"],
    ["check photos --test test --unlabelled more", "also copies in several sets"],
    ["check photos -m ssl_resnext50_32x4d", "also likely label errors and outliers"],
    [
      "check photos --apply check/fixes.csv --to photos-clean",
      "a cleaned copy, by the list as you edited it",
    ],
  ],
} satisfies CommandDefinition;

export type CheckCliOptions = OptionValues<typeof checkCommand.options>;
