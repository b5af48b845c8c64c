import * as z from "zod";
import { fieldOf, type Field, type FieldValues, type RecipeName } from "../../train/index.ts";

/** Values of a recipe by name, and the built-in recipe that they change. */
export interface RecipeChoice {
  readonly base?: RecipeName | undefined;
  readonly [name: string]: unknown;
}

export type SemiGroup = "data" | "method" | "teacher" | "selection" | "student" | "study";

const data = fieldOf("data");
const method = fieldOf("method");
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
export const semiFields = {
  /** Labelled images, as `openImages` takes them. */
  labelled: data(
    paths.default(none),
    "<data...>",
    "labelled images: folders of class folders, .tar, Parquet",
  ),
  /** A table with an image and its label in each row, for labelled images and for those of the others that have no classes. */
  labelsFile: data(
    z.string().min(1).nullable().default(null),
    "<table>",
    "a table with an image and its label in each row, in place of the labels of the data (.csv, .tsv, .parquet, NAME LABEL)",
  ),
  imageColumn: data(
    z.string().min(1).nullable().default(null),
    "<name>",
    "column of that table that names the images (null: found by its name)",
  ),
  labelColumn: data(
    z.string().min(1).nullable().default(null),
    "<name>",
    "column of that table that holds the labels (null: found by its name)",
  ),
  /** Images without labels; labels that they have are not looked at. */
  unlabelled: data(paths.default(none), "<data...>", "images without labels: folders, shards, globs"),
  /**
   * Labelled images that choose the best epoch in method `paper`; null holds `validationShare` of the labelled ones out. The
   * other methods train on all.
   */
  validation: data(
    paths.nullable().default(null),
    "<data...>",
    "labelled images that choose the best epoch (null: a share of the labelled ones)",
  ),
  validationShare: data(z.number().min(0).lt(1).default(0.1), "<share>", "of each class, held out for that"),
  /** Labelled images that only the report looks at; null reports on the validation images, or on cross-validation. */
  test: data(
    paths.nullable().default(null),
    "<data...>",
    "labelled images for the report alone (null: the validation images)",
  ),
  /** Whether images are turned upright as their EXIF orientation says, here and wherever the model is used then. */
  exif: data(
    z.boolean().default(true),
    "[true|false]",
    "turn photographs upright as their EXIF orientation says, and go on doing so; timm does not",
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

  /**
   * Where knowledge of the unlabelled images comes from: `adapt` trains the network on all images without labels first,
   * `labels` takes how their embeddings vary, `joint` also trains on those that look most like a class, beside the labelled
   * ones, `paper` has a teacher select some for a student. `auto` chooses, and never `joint`.
   */
  method: method(
    z.enum(["auto", "adapt", "labels", "joint", "paper"]).default("auto"),
    "<method>",
    "adapt (train on all images without labels, then on the labels), labels (without that), joint (on labelled and selected images together), paper (teacher, selection, student), or auto, which never takes joint",
  ),
  /** What the labels train, but in method `paper`: the classifier, or after it the whole network, as method `joint` does. */
  mode: method(
    z.enum(["auto", "head", "full"]).default("auto"),
    "<mode>",
    "what the labels train, but in method paper: head (the classifier), full (then the whole network), or auto",
  ),
  /** Passes of method `adapt` over its images. */
  adaptEpochs: method(count.default(12), "<count>", "passes of method adapt over its images"),
  /** Images of method `adapt`: the labelled ones, and so many unlabelled ones, drawn by the seed; null takes all. */
  adaptImages: method(
    count.nullable().default(null),
    "<count>",
    "images of method adapt, the labelled ones among them (null: all)",
  ),
  /** Longest time that `auto` spends on adapting the network, by a few steps that it times. */
  adaptMinutes: method(
    z.number().positive().default(120),
    "<minutes>",
    "method auto adapts the network if that takes no longer, by steps that it times",
  ),
  adaptRecipe: method(recipeOf({ base: "adapt" }), "<recipe>", "recipe of that, but for its length"),
  /** Longest time that `auto` spends on training the whole network, with the labels alone and otherwise. */
  tuneMinutes: method(
    z.number().positive().default(60),
    "<minutes>",
    "mode auto trains the whole network if that takes no longer, by steps that it times",
  ),
  /** Recipe of mode `full`, from the classifier that was trained first. */
  tuneRecipe: method(
    recipeOf({ base: "tune" }),
    "<recipe>",
    "recipe of mode full, from the classifier that was trained first",
  ),

  /** What a run starts from: a model's name, an architecture, or a file of weights; an ONNX file where `teach` is false. */
  teacher: teacher(
    z.string().min(1).nullable().default(null),
    "<model>",
    "what a run starts from: a model's name, an architecture, or a file of weights",
  ),
  /** Takes the averaged weights of the teacher's file, such as `state_dict_ema`. */
  ema: teacher(
    z.boolean().default(false),
    "[true|false]",
    "take the averaged weights of the teacher's file, such as state_dict_ema",
  ),
  /** Which weights of the teacher's file, where it holds several: the name of a dict, or the prefix of their names. */
  key: teacher(
    z.string().min(1).nullable().default(null),
    "<name>",
    "which weights of the teacher's file, where it holds several, such as student (null: the usual ones)",
  ),
  /** File with the teacher's class names in the order of its outputs, one a line, where its own file has none or others. */
  labels: teacher(
    z.string().min(1).nullable().default(null),
    "<file>",
    "class names of a teacher that is taken as it is, one a line, in the order of its outputs (null: its file's)",
  ),
  /** Whether the teacher is trained on the labelled images, or taken as it is. */
  teach: teacher(z.boolean().default(true), "[true|false]", "train the teacher first, or take it as it is"),
  /** Starts the teacher from random weights where its name has published ones. */
  scratch: teacher(
    z.boolean().default(false),
    "[true|false]",
    "start the teacher from random weights where its name has published ones",
  ),
  teachRecipe: teacher(recipeOf({ base: "quick" }), "<recipe>", "recipe of the teacher"),
  /** Images with weak labels, such as tags, that the teacher is trained on first. */
  weak: teacher(
    paths.nullable().default(null),
    "<data...>",
    "images with weak labels, such as tags, that the teacher is trained on first",
  ),
  weakRecipe: teacher(recipeOf({ base: "quick" }), "<recipe>", "recipe of that training"),

  /** Best classes that are kept of each image. */
  p: selection(count.max(1000).default(10), "<count>", "best classes that are kept of each image"),
  /**
   * Images selected for each class. Null scales the paper's number to the unlabelled images; in method `joint` it is 1,000, or a
   * quarter of the unlabelled images divided by the classes where that is less.
   */
  k: selection(
    count.nullable().default(null),
    "<count>",
    "images selected for each class (null: 16 % of the unlabelled ones, divided by the classes; in method joint 25 %, 1,000 at most)",
  ),
  ranking: selection(
    z.enum(["balanced", "unbalanced", "threshold"]).default("balanced"),
    "<how>",
    "balanced (the best K of each class), unbalanced (the best of all, as many) or threshold",
  ),
  /**
   * Method `joint` ranks images by a classifier that knows one class more, none of these, for which so many images stand that are
   * unlike all classes; null ranks them by the classifier of the labels. 5,000 images are looked at, half of which may stand for it.
   */
  noneImages: selection(
    count.max(2500).nullable().default(2000),
    "<count>",
    "images that stand for none of the classes, so that others which show something else come late (null: no such class)",
  ),
  /** Probability from which `threshold` takes an image. */
  threshold: selection(
    z.number().gt(0).lte(1).default(0.95),
    "<probability>",
    "from which ranking threshold takes an image",
  ),
  /** Unlabelled images that look like a labelled one are left out up to this distance; null keeps them. */
  duplicateDistance: selection(
    z.int().min(0).max(16).nullable().default(8),
    "<bits>",
    "images whose hash is that near to a labelled one's are left out (null: none)",
  ),
  /** Whether unlabelled images that look alike, by the same distance, all count for a class, as in the paper. */
  keepDuplicates: selection(
    z.boolean().default(false),
    "[true|false]",
    "let unlabelled images that look alike all count for a class, as in the paper (default: the best of them)",
  ),
  /** Images of one part, where loose images are scored in parts. */
  shardImages: selection(count.default(10_000), "<images>", "images of one part of a folder"),

  /** An architecture; null takes the teacher's. */
  student: student(
    z.string().min(1).nullable().default(null),
    "<model>",
    "an architecture, or a file that has it (null: the teacher's)",
  ),
  /**
   * Weights that the student begins with, and its baseline too: `random` as in the paper, the `pretrained` ones of `student` (a
   * name or a file; null: those that the teacher has by its name or file), or the `teacher`'s own.
   */
  studentStart: student(
    z.enum(["random", "pretrained", "teacher"]).default("random"),
    "<start>",
    "weights that the student begins with, and its baseline: random, pretrained (of student, which may be a file) or teacher (the teacher's own)",
  ),
  pretrainRecipe: student(recipeOf({ base: "quick" }), "<recipe>", "recipe on the selected images"),
  finetuneRecipe: student(
    recipeOf({ base: "quick", learningRate: 0.02, warmUp: 0 }),
    "<recipe>",
    "recipe on the labelled images, after that",
  ),
  /** Whether the student's architecture is trained on the labelled images alone too, for comparison. */
  baseline: student(
    z.boolean().default(true),
    "[true|false]",
    "train the student on the labelled images alone too, for comparison",
  ),
  /** Recipe of the baseline, whose length is that of pre-training and fine-tuning; null takes the pre-training's. */
  supervisedRecipe: student(
    recipe.nullable().default(null),
    "<recipe>",
    "recipe of that, as long as pre-training and fine-tuning together (null: the pre-training's)",
  ),
  /** Whole runs, with the seeds from `seed` on. */
  seeds: study(count.max(1000).default(1), "<count>", "whole runs, with the seeds from seed on"),
  /** Values of a setting that are tried one at a time, as `{ k: [500, 1000] }`. */
  sweep: study(
    z.record(z.string(), z.array(z.unknown()).min(1).readonly()).readonly().default({}),
    "<values>",
    "values of settings that semi sweep tries one at a time: '{k: [500, 1000]}'",
  ),
  /** Other settings that are tried under a name of their own. */
  variants: study(
    z
      .record(z.string(), z.record(z.string(), z.unknown()).readonly())
      .refine((variants) => Object.keys(variants).every((name) => /^\w[\w.-]*$/.test(name)), {
        error: "expected names of letters, digits, dots and dashes",
      })
      .readonly()
      .default({}),
    "<settings>",
    "other settings by a name of their own, which semi sweep tries too",
  ),
  /** Times that scoring and student follow each other; the student of one round is the teacher of the next. */
  rounds: student(count.max(100).default(1), "<count>", "rounds, each with the last student as its teacher"),
} satisfies Readonly<Record<string, Field<unknown, SemiGroup>>>;

/** Everything that decides what a semi-supervised run does. */
export type SemiSettings = FieldValues<typeof semiFields>;

/** The names of the settings, in the order in which they are shown. */
export const semiKeys: readonly (keyof SemiSettings)[] = Object.keys(semiFields) as (keyof SemiSettings)[];
