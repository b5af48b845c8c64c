import type { RecipeName } from "../../train/index.ts";
import type { Ranking } from "../selection-summary.ts";

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
