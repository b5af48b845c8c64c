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
/** Scores the unlabelled images, with the model of another stage or a given one. */
export type ScoreStage = StageOf<"score", readonly [] | readonly [teacher: string], ScoreSettings>;
/** Selects the best scored images of each class. */
export type SelectStage = StageOf<"select", readonly [scores: string], SelectionSettings>;
/** Trains the student on the selected images. */
export type PretrainStage = StageOf<
  "pretrain",
  readonly [selection: string, scores: string],
  TrainingSettings
>;
/** Trains the student on the labelled images, after that. */
export type FinetuneStage = StageOf<"finetune", readonly [pretrained: string], TrainingSettings>;
/** Trains the student on the labelled images alone; it needs the trainings whose length it takes. */
export type SupervisedStage = StageOf<"supervised", readonly string[], TrainingSettings>;
/** Measures the models of all other stages. */
export type MeasureStage = StageOf<"measure", readonly string[], MeasureSettings>;

/** A stage that trains. */
export type TrainingStage = WeakStage | TeachStage | PretrainStage | FinetuneStage | SupervisedStage;

/** A step of the pipeline; it reads and writes files only. */
export type Stage = TrainingStage | ScoreStage | SelectStage | MeasureStage;

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
  "measure",
] as const satisfies readonly StageKind[];

/** Model that a training starts from: that of another stage by its folder, or one by its name. */
export type Start = { readonly folder: string } | { readonly model: string; readonly scratch: boolean };

/** Settings of a stage that trains. */
export interface TrainingSettings {
  readonly start: Start;
  /** Complete but for its length, where the length follows from other stages. */
  readonly recipe: Recipe;
  readonly exif: boolean;
}

type ScoreSettings = Pick<SemiSettings, "p" | "exif" | "shardImages">;

export interface SelectionSettings extends Pick<SemiSettings, "k" | "duplicateDistance"> {
  readonly ranking: Ranking;
  /** Of the ranking `threshold`. */
  readonly threshold?: number;
}

type MeasureSettings = Pick<SemiSettings, "exif">;

/** What a training starts from; undefined of a stage that does not train. */
export const startOf = ({ settings }: Stage): Start | undefined =>
  "start" in settings ? settings.start : undefined;

/** Whether the model that a stage begins with is the teacher, and not the student. */
export const beginsWithTeacher = (kind: StageKind): boolean =>
  kind === "weak" || kind === "teach" || kind === "score";
