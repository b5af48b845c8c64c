import * as z from "zod";
import { fieldOf, type Field, type RecipeName } from "../train/index.ts";
import type { Ranking } from "./selection.ts";

/** Values of a recipe by name, and the built-in recipe that they change. */
export interface RecipeChoice {
  readonly base?: RecipeName | undefined;
  readonly [name: string]: unknown;
}

/** Everything that decides what a semi-supervised run does. */
export interface SemiSettings {
  /** Labelled images, as `openImages` takes them. */
  readonly labelled: readonly string[];
  /** Images without labels; labels that they have are not looked at. */
  readonly unlabelled: readonly string[];
  /** Labelled images that choose the best epoch; null holds `validationShare` of the labelled ones out. */
  readonly validation: readonly string[] | null;
  readonly validationShare: number;
  /** Labelled images that only the report looks at; null reports on the validation images. */
  readonly test: readonly string[] | null;
  /** Whether images are turned upright as their EXIF orientation says. */
  readonly exif: boolean;
  readonly seed: number;

  /** A model's name, an architecture, or a file of weights; an ONNX file where `teach` is false. */
  readonly teacher: string | null;
  /** Whether the teacher is trained on the labelled images, or taken as it is. */
  readonly teach: boolean;
  /** Starts the teacher from random weights where its name has published ones. */
  readonly scratch: boolean;
  readonly teachRecipe: RecipeChoice;
  /** Images with weak labels, such as tags, that the teacher is trained on first. */
  readonly weak: readonly string[] | null;
  readonly weakRecipe: RecipeChoice;

  /** Best classes that are kept of each image. */
  readonly p: number;
  /** Images selected for each class; null scales the paper's number to the unlabelled images. */
  readonly k: number | null;
  readonly ranking: Ranking;
  /** Probability from which `threshold` takes an image. */
  readonly threshold: number;
  /** Unlabelled images that look like a labelled one are left out up to this distance; null keeps them. */
  readonly duplicateDistance: number | null;
  /** Images of one part, where loose images are scored in parts. */
  readonly shardImages: number;

  /** An architecture; null takes the teacher's. */
  readonly student: string | null;
  readonly pretrainRecipe: RecipeChoice;
  readonly finetuneRecipe: RecipeChoice;
  /** Whether the student's architecture is trained on the labelled images alone too, for comparison. */
  readonly baseline: boolean;
  /** Recipe of the baseline, whose length is that of pre-training and fine-tuning; null takes the pre-training's. */
  readonly supervisedRecipe: RecipeChoice | null;
  /** Times that scoring and student follow each other; the student of one round is the teacher of the next. */
  readonly rounds: number;

  /** Whole runs, with the seeds from `seed` on. */
  readonly seeds: number;
  /** Values of a setting that are tried one at a time, as `{ k: [500, 1000] }`. */
  readonly sweep: Readonly<Record<string, readonly unknown[]>>;
  /** Other settings that are tried under a name of their own. */
  readonly variants: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export type SemiGroup = "data" | "teacher" | "selection" | "student" | "study";

export type SemiFields = { readonly [K in keyof SemiSettings]: Field<SemiSettings[K], SemiGroup> };

const data = fieldOf("data");
const teacher = fieldOf("teacher");
const selection = fieldOf("selection");
const student = fieldOf("student");
const study = fieldOf("study");

const count = z.int().min(1);
const paths = z
  .union([z.string().min(1), z.array(z.string().min(1))])
  .transform((given): readonly string[] => (typeof given === "string" ? [given] : given));
const none: readonly string[] = [];
const recipe = z
  .union([z.string(), z.record(z.string(), z.unknown())])
  .transform((given): RecipeChoice => (typeof given === "string" ? { base: given as RecipeName } : given));
const recipeOf = (values: RecipeChoice): z.ZodType<RecipeChoice> => recipe.default(values);

/** Every setting: its name in YAML and in the library; flags are the same in kebab-case. */
export const semiFields: SemiFields = {
  labelled: data(paths.default(none), "<data>", "labelled images: folders of class folders, .tar, Parquet"),
  unlabelled: data(paths.default(none), "<data>", "images without labels: folders, shards, globs"),
  validation: data(
    paths.nullable().default(null),
    "<data>",
    "labelled images that choose the best epoch (null: a share of the labelled ones)",
  ),
  validationShare: data(z.number().min(0).lt(1).default(0.1), "<share>", "of each class, held out for that"),
  test: data(
    paths.nullable().default(null),
    "<data>",
    "labelled images for the report alone (null: the validation images)",
  ),
  exif: data(
    z.boolean().default(false),
    "<true|false>",
    "turn images upright as their EXIF orientation says; timm does not",
  ),
  seed: data(
    z
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .default(0),
    "<number>",
    "decides every random choice",
  ),

  teacher: teacher(
    z.string().min(1).nullable().default(null),
    "<model>",
    "a model's name, an architecture, or a file of weights",
  ),
  teach: teacher(z.boolean().default(true), "<true|false>", "train the teacher first, or take it as it is"),
  scratch: teacher(
    z.boolean().default(false),
    "<true|false>",
    "start the teacher from random weights where its name has published ones",
  ),
  teachRecipe: teacher(recipeOf({ base: "quick" }), "<recipe>", "recipe of the teacher"),
  weak: teacher(
    paths.nullable().default(null),
    "<data>",
    "images with weak labels, such as tags, that the teacher is trained on first",
  ),
  weakRecipe: teacher(recipeOf({ base: "quick" }), "<recipe>", "recipe of that training"),

  p: selection(count.max(1000).default(10), "<count>", "best classes that are kept of each image"),
  k: selection(
    count.nullable().default(null),
    "<count>",
    "images selected for each class (null: 16 % of the unlabelled ones, divided by the classes)",
  ),
  ranking: selection(
    z.enum(["balanced", "unbalanced", "threshold"]).default("balanced"),
    "<how>",
    "balanced (the best K of each class), unbalanced (the best of all, as many) or threshold",
  ),
  threshold: selection(
    z.number().gt(0).lte(1).default(0.95),
    "<probability>",
    "from which ranking threshold takes an image",
  ),
  duplicateDistance: selection(
    z.int().min(0).max(16).nullable().default(8),
    "<bits>",
    "images whose hash is that near to a labelled one's are left out (null: none)",
  ),
  shardImages: selection(count.default(10_000), "<images>", "images of one part of a folder"),

  student: student(
    z.string().min(1).nullable().default(null),
    "<model>",
    "an architecture (null: the teacher's)",
  ),
  pretrainRecipe: student(recipeOf({ base: "quick" }), "<recipe>", "recipe on the selected images"),
  finetuneRecipe: student(
    recipeOf({ base: "quick", learningRate: 0.02, warmUp: 0 }),
    "<recipe>",
    "recipe on the labelled images, after that",
  ),
  baseline: student(
    z.boolean().default(true),
    "<true|false>",
    "train the student on the labelled images alone too, for comparison",
  ),
  supervisedRecipe: student(
    recipe.nullable().default(null),
    "<recipe>",
    "recipe of that, as long as pre-training and fine-tuning together (null: the pre-training's)",
  ),
  seeds: study(count.max(1000).default(1), "<count>", "whole runs, with the seeds from seed on"),
  sweep: study(
    z.record(z.string(), z.array(z.unknown()).min(1)).default({}),
    "<values>",
    "values of settings that semi sweep tries one at a time: '{k: [500, 1000]}'",
  ),
  variants: study(
    z
      .record(z.string(), z.record(z.string(), z.unknown()))
      .refine((variants) => Object.keys(variants).every((name) => /^\w[\w.-]*$/.test(name)), {
        error: "expected names of letters, digits, dots and dashes",
      })
      .default({}),
    "<settings>",
    "other settings by a name of their own, which semi sweep tries too",
  ),
  rounds: student(count.max(100).default(1), "<count>", "rounds, each with the last student as its teacher"),
};

/** The names of the settings, in the order in which they are shown. */
export const semiKeys: readonly (keyof SemiSettings)[] = Object.keys(semiFields) as (keyof SemiSettings)[];
