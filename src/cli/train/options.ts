import * as z from "zod";
import {
  recipeFields,
  recipeKeys,
  recipeModes,
  type Recipe,
  type RecipeGroup,
} from "../../train/recipe/fields.ts";
import { defaultRecipe, recipeNames } from "../../train/recipe/recipe.ts";
import type { AskedMode } from "../../train/run/options.ts";
import type { CliOption, CommandDefinition, OptionValues } from "../options/command.ts";
import { fieldOption, flagOf } from "../options/field-option.ts";
import { labelledInputOptions } from "../options/input-output-options.ts";
import { embeddingOptions, ranksOptions, trainingOptions, whichWeights } from "../options/model-options.ts";
import { flag, text } from "../options/schemas.ts";

/** Options for the values of a recipe, each of which may stay away. */
type RecipeFlags = {
  readonly [K in keyof Recipe]: CliOption<(K extends "mode" ? AskedMode : Recipe[K]) | undefined>;
};

const recipeHeadings: { readonly [G in RecipeGroup]: string } = {
  run: "Recipe, what is trained and for how long (each value wins over --recipe):",
  schedule: "Recipe, learning rate:",
  optimiser: "Recipe, optimiser and network:",
  augmentation: "Recipe, images (names and meanings are timm's):",
  keeping: "Recipe, validation and checkpoints:",
};

/** A flag for every value of a recipe. */
export const recipeOptions = {
  ...(Object.fromEntries(
    recipeKeys.map((key) => [key, fieldOption(flagOf(key), recipeFields[key], recipeHeadings)]),
  ) as RecipeFlags),
  mode: fieldOption(
    flagOf("mode"),
    {
      ...recipeFields.mode,
      about: `${recipeFields.mode.about}; auto: head, and then full with 10 labelled images a class or more, from trained weights`,
      schema: z.enum([...recipeModes, "auto"]),
    },
    recipeHeadings,
  ) as CliOption<AskedMode | undefined>,
  // As it is written for every other command.
  exif: {
    flags: "--exif",
    about: recipeFields.exif.about,
    negated: "take them as they are stored",
    group: recipeHeadings.run,
    schema: z.boolean().optional(),
  },
} satisfies RecipeFlags;

const model = "Model:";

/** `train`: from labelled images to a model. */
export const trainCommand = {
  operands: {
    "<data...>":
      "a folder of class folders, .tar of the same, WebDataset shards, or Parquet with a label column",
  },
  options: {
    out: {
      flags: "-o, --out <folder>",
      about: "where recipe, history, checkpoints and report go (required)",
      schema: text,
    },
    recipe: {
      flags: "-r, --recipe <name>",
      about: `${recipeNames.join(", ")}, or a .yaml file (default: ${defaultRecipe})`,
      schema: text.optional(),
    },
    val: {
      flags: "--val <data>",
      about:
        "validation images of the same classes (default: a share of the data, held out; mode head cross-validates)",
      schema: text.optional(),
    },
    unlabelled: {
      flags: "--unlabelled <data...>",
      about:
        "images of any content, 200 or more: mode head makes a better classifier of few labels with them",
      schema: z.array(text).optional(),
    },
    resume: {
      flags: "--resume",
      about: "go on with the run in --out, or begin it when there is none",
      schema: flag,
    },
    json: { flags: "--json", about: "print one JSON object a line for each event", schema: flag },
    model: {
      flags: "-m, --model <name>",
      about: "a name of the list of models, or an architecture (default: what --weights holds)",
      group: model,
      schema: text.optional(),
    },
    weights: {
      flags: "-w, --weights <file>",
      about:
        "a .pth or .safetensors, or the folder of a run, to start from (default: the published weights of --model)",
      group: model,
      schema: text.optional(),
    },
    ...whichWeights,
    scratch: { flags: "--scratch", about: "start from random weights", group: model, schema: flag },
    offline: {
      flags: "--offline",
      about: "never download: use what the cache holds",
      group: model,
      schema: flag,
    },
    ...labelledInputOptions,
    ...trainingOptions,
    engine: {
      ...embeddingOptions.engine,
      about: `mode head: ${embeddingOptions.engine.about}; other modes learn, on onnxruntime alone, which auto is there`,
    },
    precision: {
      ...embeddingOptions.precision,
      about: `mode head: ${embeddingOptions.precision.about}; other modes learn in fp32`,
    },
    ...ranksOptions,
    ...recipeOptions,
  },
  examples: [
    ["train photos -m ssl_resnext50_32x4d -o run", "fine-tune the published weights on your own classes"],
    [
      "train photos -m ssl_resnext50_32x4d --mode auto -o run",
      "few photos: the classifier, and the network after it where they suffice",
    ],
    ["train photos -w my.pth --mode head -o run", "the classifier only, on embeddings: seconds"],
    [
      "train photos -w my.pth --mode head --unlabelled more -o run",
      "the same, better by what images without labels look like",
    ],
    [
      "train cifar.tar -m resnext20_cifar10 -o run --epochs 30 --crop random",
      "a small network from the start",
    ],
    ["train photos --labels-file labels.csv -w my.pth --mode head -o run", "labels from a table"],
    ["train photos -o run --resume", "go on after Ctrl-C or a crash"],
    ["train photos -w my.pth -r card-finetune --epochs 10 -o run", "another recipe, one value of it changed"],
  ],
} satisfies CommandDefinition;

export type TrainOptions = OptionValues<typeof trainCommand.options>;
