import type { Recipe } from "../../train/index.ts";
import type { Ranking } from "../select/selection.ts";
import type { SemiSettings } from "../settings/settings.ts";

/** What the stages of all kinds have. */
interface StageOf<Kind extends string, Needs extends readonly string[], Settings> {
  readonly kind: Kind;
  /** Its folder below that of the run, which names it. */
  readonly folder: string;
  /** Folders of the stages whose files it reads. */
  readonly needs: Needs;
  /** The settings that say what it reads, besides the files of other stages. */
  readonly reads: Partial<SemiSettings>;
  /** The settings that decide what comes out of it, besides what it reads. */
  readonly settings: Settings;
}

/** Trains a teacher on weak labels. */
export type WeakStage = StageOf<"weak", readonly [], TrainingSettings>;
/** Trains the teacher on the labelled images. */
export type TeachStage = StageOf<"teach", readonly [] | readonly [weak: string], TrainingSettings>;
/** Fits a classifier that knows one class more, for what is none of the others. */
export type NoneClassStage = StageOf<"none-class", readonly [head: string], NoneClassSettings>;
/** Scores the unlabelled images, with the model of another stage or a given one. */
export type ScoreStage = StageOf<"score", readonly [] | readonly [teacher: string], ScoreSettings>;
/** Selects the best scored images of each class. */
export type SelectStage = StageOf<"select", readonly [scores: string], SelectionSettings>;
/** Trains the student on the selected images. */
export type PretrainStage = StageOf<
  "pretrain",
  readonly [selection: string, scores: string, ...start: readonly string[]],
  TrainingSettings
>;
/** Trains the student on the labelled images, after that. */
export type FinetuneStage = StageOf<"finetune", readonly [pretrained: string], TrainingSettings>;
/** Trains the student on the labelled images alone; it needs what it starts from, and the trainings whose length it takes. */
export type SupervisedStage = StageOf<"supervised", readonly string[], TrainingSettings>;
/** Trains the given network on all images without their labels. */
export type AdaptStage = StageOf<"adapt", readonly [], AdaptSettings>;
/** Trains a classifier on the labelled images, with what the unlabelled ones say of embeddings. */
export type FitStage = StageOf<"fit", readonly [] | readonly [adapted: string], TrainingSettings>;
/** Trains a classifier of the network as it came on the labelled images alone, to compare with. */
export type AloneStage = StageOf<"alone", readonly [], TrainingSettings>;
/** Trains the whole network on the labelled images, from a classifier. */
export type TuneStage = StageOf<"tune" | "tune-alone", readonly [head: string], TrainingSettings>;
/** Trains the whole network on labelled and selected images together, from a classifier. */
export type JointStage = StageOf<
  "joint",
  readonly [head: string, selection: string, scores: string],
  TrainingSettings
>;
/** Measures the models of all other stages. */
export type MeasureStage = StageOf<"measure", readonly string[], MeasureSettings>;
/** Chooses the model that the run ends with. */
export type ChooseStage = StageOf<"choose", readonly string[], ChooseSettings>;

/** A stage that trains. */
export type TrainingStage =
  | WeakStage
  | TeachStage
  | PretrainStage
  | FinetuneStage
  | SupervisedStage
  | AdaptStage
  | FitStage
  | AloneStage
  | TuneStage
  | JointStage;

/** A step of the pipeline; it reads and writes files only. */
export type Stage = TrainingStage | NoneClassStage | ScoreStage | SelectStage | MeasureStage | ChooseStage;

/** What a stage does. */
export type StageKind = Stage["kind"];

/** All kinds. */
export const stageKinds = [
  "weak",
  "teach",
  "score",
  "select",
  "pretrain",
  "finetune",
  "supervised",
  "adapt",
  "fit",
  "none-class",
  "joint",
  "alone",
  "tune",
  "tune-alone",
  "measure",
  "choose",
] as const satisfies readonly StageKind[];

/** Model that a training starts from: that of another stage by its folder, or one by its name. */
export type Start =
  { readonly folder: string } | ({ readonly model: string; readonly scratch: boolean } & WeightsChoice);

/** Which weights of a file. */
interface WeightsChoice {
  readonly ema?: true;
  readonly key?: string;
}

/** Settings of a stage that trains. */
export interface TrainingSettings {
  readonly start: Start;
  /** Complete but for its length, where the length follows from other stages. */
  readonly recipe: Recipe;
}

interface AdaptSettings extends TrainingSettings {
  /** Images at most; null takes all. */
  readonly images: number | null;
}

interface NoneClassSettings extends Pick<SemiSettings, "seed"> {
  readonly noneImages: number;
}

export interface ScoreSettings extends Pick<SemiSettings, "p" | "exif" | "shardImages">, WeightsChoice {
  readonly labels?: string;
}

export interface SelectionSettings extends Pick<SemiSettings, "k" | "duplicateDistance" | "keepDuplicates"> {
  readonly ranking: Ranking;
  /** Of the ranking `threshold`. */
  readonly threshold?: number;
}

type MeasureSettings = Pick<SemiSettings, "exif">;

/** How a run comes to its model. */
export type Method = Exclude<SemiSettings["method"], "auto">;

interface ChooseSettings extends Partial<Pick<SemiSettings, "studentStart">> {
  readonly method: Method;
}

/** What a training starts from; undefined of a stage that does not train. */
export const startOf = ({ settings }: Stage): Start | undefined =>
  "start" in settings ? settings.start : undefined;

/** Whether the model that a stage begins with is the teacher, and not the student. */
export const beginsWithTeacher = (kind: StageKind): boolean =>
  (["weak", "teach", "score", "adapt", "fit", "alone"] as readonly StageKind[]).includes(kind);

/** Stages of method `paper`; methods that select images, too, have two of them. */
export const paperKinds: ReadonlySet<StageKind> = new Set<StageKind>([
  "weak",
  "teach",
  "score",
  "select",
  "pretrain",
  "finetune",
  "supervised",
]);
