import type { RowsWithoutImage } from "../../data/index.ts";
import type { SslResnextError } from "../../core/index.ts";
import type { CheckedData, DataProblem, LeftOutFiles, SplitNames } from "../../data/index.ts";
import type { Confidence } from "../../nn/index.ts";
import type { ConfidenceFit } from "../../predict/index.ts";
import type { ChosenMode } from "../recipe/choose-mode.ts";
import type { Recipe } from "../recipe/fields.ts";
import type { EpochRecord, StepRecord } from "../report/training-report-data.ts";
import type { BestEpoch, TrainingPlan } from "./plan.ts";

/** The data come in parts, of which each is used for what its folder says. */
export interface SplitsEvent extends SplitNames {
  readonly type: "splits";
}

/** Mode `auto` has taken a mode. */
export interface ModeChosenEvent extends ChosenMode {
  readonly type: "mode-chosen";
}

/** Pictures and videos of kinds that are not read lie among the images, and are left out. */
export interface LeftOutEvent {
  readonly type: "left-out";
  readonly leftOut: readonly LeftOutFiles[];
}

/** Something is wrong with the images: what a look at names, labels and files shows that takes no time. */
export interface ProblemsEvent {
  readonly type: "problems";
  /** The gravest first. */
  readonly problems: readonly DataProblem[];
  /** The images, as `checkImages` takes them, which finds more. */
  readonly checked: Omit<CheckedData, "signal">;
}

/** There are fewer images than a batch: each step takes all of them, or as many micro-batches as they fill. */
export interface SmallerBatchEvent {
  readonly type: "smaller-batch";
  readonly images: number;
  /** Images of a step as the recipe says, and as they are. */
  readonly asked: number;
  readonly batchSize: number;
}

/** A batch does not fit into memory at once: each step computes it in parts. */
export interface InPartsEvent {
  readonly type: "in-parts";
  readonly batchSize: number;
  /** Images that are computed at once. */
  readonly microBatch: number;
  /** About what the whole batch would need, in bytes. */
  readonly wholeBytes: number;
}

/** The run is about to take its first step, or the first one after a resume. */
export interface StartedEvent {
  readonly type: "started";
  readonly model: string;
  readonly classes: readonly string[];
  readonly trainingImages: number;
  /** Undefined without validation, and where nobody knows. */
  readonly validationImages: number | undefined;
  /** Rows of the table of labels that no image has; left out without a table. */
  readonly rowsWithoutImage?: RowsWithoutImage | undefined;
  readonly parameters: number;
  /** What has an effect in it, with the batch that is taken. */
  readonly recipe: Partial<Recipe>;
  /** Left out in mode `head`, which has no steps. */
  readonly plan?: TrainingPlan | undefined;
  /** Steps that an earlier process took. */
  readonly resumedAt: number;
}

/** Some steps were taken; the means over them. */
export interface StepEvent extends StepRecord {
  readonly type: "step";
  readonly step: number;
  /** Counted from 1. */
  readonly epoch: number;
  /** In percent, on augmented images. */
  readonly top1: number;
  readonly imagesPerSecond: number;
}

/** An epoch was completed and validated. */
export interface EpochEvent extends EpochRecord {
  readonly type: "epoch";
  /** Whether no epoch before it was as good. */
  readonly best: boolean;
}

/** A checkpoint stands on disk. */
export interface CheckpointEvent {
  readonly type: "checkpoint";
  readonly kind: "last" | "best" | "epoch";
  readonly path: string;
  readonly step: number;
}

/** An image could not be read: another took its place in the training, or it is not validated on. */
export interface SkippedEvent {
  readonly type: "skipped";
  /** Left out for training images. */
  readonly of?: "validation";
  readonly id: string;
  readonly error: SslResnextError;
}

/** The run was stopped; what it needs to go on is saved. */
export interface StoppedEvent {
  readonly type: "stopped";
  readonly step: number;
  /** The checkpoint to go on from. */
  readonly path: string;
}

/** The run ends before its plan does, as its patience says. */
interface NoBetterEvent {
  readonly type: "no-better";
  /** The last epoch, of so many that were planned. */
  readonly epoch: number;
  readonly epochs: number;
  /** The best one. */
  readonly best: number;
}

/** How sure the model is of its answers, or why nobody can tell. */
export type ConfidenceEvent =
  | ({ readonly type: "confidence" } & Confidence)
  | { readonly type: "no-confidence"; readonly reason: string };

/** What there is to say of it. */
export const confidenceEvent = ({
  confidence,
  reason = "",
}: Pick<ConfidenceFit, "confidence" | "reason">): ConfidenceEvent =>
  confidence ? { type: "confidence", ...confidence } : { type: "no-confidence", reason };

/** The run is complete. */
export interface FinishedEvent {
  readonly type: "finished";
  readonly folder: string;
  readonly best: BestEpoch;
  /** Of the best weights on the validation images, in percent; left out without any. */
  readonly top1?: number | undefined;
  readonly top5?: number | undefined;
  /** Images that these were measured on: those that could be read. */
  readonly measuredImages?: number | undefined;
  /** In percent, in mode `head`: of images that the fits had not seen. */
  readonly crossValidatedTop1?: number | undefined;
}

/** What happens step by step. */
export type EpochsEvent =
  StepEvent | EpochEvent | CheckpointEvent | SkippedEvent | NoBetterEvent | StoppedEvent;

/** The epochs of a run with the columns of timm's `summary.csv`; empty cells without validation. */
export function summaryCsv(epochs: readonly EpochRecord[]): string {
  const rows = epochs.map(({ epoch, trainLoss, valLoss, valTop1, valTop5, learningRate }) =>
    // timm counts epochs from 0.
    [epoch - 1, trainLoss, valLoss, valTop1, valTop5, learningRate].map((cell) => cell ?? "").join(","),
  );
  return ["epoch,train_loss,eval_loss,eval_top1,eval_top5,lr", ...rows].map((row) => `${row}\n`).join("");
}
