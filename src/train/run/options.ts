import type { DataProblem } from "../../data/index.ts";
import type { DecodeLimits } from "../../image/index.ts";
import type { ModelOptions } from "../../predict/index.ts";
import type { Device } from "../../runtime/index.ts";
import type { HeadEvent } from "../head/train-head.ts";
import type { Recipe } from "../recipe/fields.ts";
import type { RecipeName } from "../recipe/recipe.ts";
import type { RecipeLayer } from "../recipe/resolve-recipe.ts";
import type {
  ConfidenceEvent,
  EpochsEvent,
  FinishedEvent,
  InPartsEvent,
  LeftOutEvent,
  ModeChosenEvent,
  ProblemsEvent,
  SmallerBatchEvent,
  SplitsEvent,
  StartedEvent,
} from "../trainer/events.ts";
import type { TrainingPlatform } from "../platform.ts";
import type { Ranks } from "./ranks.ts";
import type { AskedEngine } from "./run-engine.ts";
import type { RunFolder, SavedTraining } from "./run-folder.ts";
import type { TrainingData, TrainingDataOptions, TrainingImages } from "./training-data.ts";

/** Values of a recipe, and the built-in recipe that they change. */
export type RecipeValues = Partial<Omit<Recipe, "mode">> & {
  readonly base?: RecipeName | undefined;
  /**
   * A mode, or `auto`: from trained weights, mode `head` while the classes have fewer than 10 labelled images on average, and from there on
   * mode `full` from the classifier that mode `head` fits first, by recipe `tune` and on all labels unless others are asked for.
   */
  readonly mode?: AskedMode | undefined;
};

/** A mode of a recipe, or `auto`, which takes one by the images that there are. */
export type AskedMode = Recipe["mode"] | "auto";

/** What a training starts from. */
export interface StartingModelOptions extends Pick<
  ModelOptions,
  "key" | "ema" | "hub" | "onNotice" | "signal"
> {
  /** A card's name, timm's tag, an architecture, or a weights file. */
  readonly model?: string | undefined;
  /** A `.pth` or `.safetensors` file to start from. @default the published weights, where the model has some */
  readonly weights?: string | undefined;
  /** Starts from random weights; of a file the architecture alone is taken then. @default false */
  readonly scratch?: boolean | undefined;
}

/** What to train, on what, how and where to. */
export interface TrainModelOptions
  extends
    StartingModelOptions,
    AskedEngine,
    Pick<TrainingDataOptions, "imageColumn" | "labelColumn" | "labelsFile"> {
  /**
   * What embeds the images of mode `head` and measures its classifier; a run that is resumed stays on it. Other modes refuse
   * `openvino`, and `auto` is ONNX Runtime there, which runs what learns.
   *
   * @default "onnxruntime"
   */
  readonly engine?: AskedEngine["engine"];
  /** Labelled images: folders of class folders, `.tar` of the same, WebDataset shards, Parquet. */
  readonly data: TrainingImages;
  /**
   * Validation images, of the same classes.
   *
   * @default a share of each class of the data, as the recipe says; none in mode `head`, which cross-validates instead
   */
  readonly validation?: TrainingImages | undefined;
  /** Images of any content, without labels, by which mode `head` whitens the embeddings; other modes refuse them. */
  readonly unlabelled?: TrainingImages | undefined;
  /**
   * Images with the classes that a model took them for: every second image of each batch is one of them, the others are those
   * of the data, and what happens to a share of the images (`augmentProb`) happens to them first. Steps and their batch are
   * those of the data alone. Modes `full` and `last-stages`; the others refuse them.
   */
  readonly pseudoLabelled?: TrainingImages | undefined;
  /** Whether classes without training images are learnt all the same, but in mode `head`. @default false */
  readonly classesMayBeEmpty?: boolean | undefined;
  /**
   * Without images to measure on, the model is taken to be as sure as the classifier was that it starts with, but for a
   * temperature below 1: training on makes a network surer of itself, never less. @default false
   */
  readonly keepConfidence?: boolean | undefined;
  /** Folder for everything that the run writes. */
  readonly out: string;
  /** A built-in recipe, or values that change one; several layers, each winning over those before it. @default "quick" */
  readonly recipe?: RecipeName | RecipeValues | readonly RecipeLayer[] | undefined;
  /** Goes on with the run in the folder; begins it when there is none. @default false */
  readonly resume?: boolean | undefined;
  /** @default "cpu" */
  readonly device?: Device | undefined;
  /** Threads of the training step. @default every core */
  readonly threads?: number | undefined;
  /** Threads that read, decode and augment images. @default one for each core, at most 8 */
  readonly workers?: number | undefined;
  readonly decode?: DecodeLimits | undefined;
  /** The processes that share the run, each of which calls this; rank 0 alone writes. @default this process alone */
  readonly ranks?: Ranks | undefined;
  /** Folder of the embeddings of mode `head`, or `false`. @default `embeddings` in the folder of the weights */
  readonly embeddingCache?: string | false | undefined;
  /** Ends the run after it has saved what it needs to go on. */
  readonly signal?: AbortSignal | undefined;
}

/** What happens during a training, in order; plain data but for errors. */
export type TrainingEvent =
  | ModeChosenEvent
  | SplitsEvent
  | LeftOutEvent
  | ProblemsEvent
  | SmallerBatchEvent
  | InPartsEvent
  | StartedEvent
  | EpochsEvent
  | HeadEvent
  | ConfidenceEvent
  | FinishedEvent;

/** A run whose recipe is complete and whose images are found. */
export interface OpenedRun {
  readonly platform: TrainingPlatform;
  readonly options: TrainModelOptions;
  readonly recipe: Recipe;
  readonly folder: RunFolder;
  readonly data: TrainingData;
  /** What is wrong with the images, as far as it was looked at. */
  readonly problems: readonly DataProblem[] | undefined;
  /** The checkpoint to go on from. */
  readonly saved: SavedTraining | undefined;
}
