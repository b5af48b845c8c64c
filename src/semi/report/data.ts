import type { ConfusionMatrix } from "../../predict/index.ts";
import type { Fact } from "../../report/elements.ts";
import type { Features, Sureness } from "../../train/index.ts";
import type { SuggestedPicture } from "../suggest/contact-sheet.ts";
import type { ComparedModels } from "./verdict.ts";

/** What a semi-supervised run has to show; everything in it is plain data. Accuracies are in percent. */
export interface SemiReportData {
  /** Heading and document title, such as the name of the run's folder. */
  readonly title: string;
  /** One sentence that says what the images are and what was to be learnt. */
  readonly summary?: string | undefined;
  /** What the run ended with; a run that still goes on or was stopped says so. @default "finished" */
  readonly status?: "finished" | "running" | "stopped" | undefined;
  /** Class names in the order of the logits. */
  readonly classes: readonly string[];
  /** The images that all accuracies were measured on; left out when none were kept back. */
  readonly measuredOn?: MeasuredOn | undefined;
  /** What was trained, in any order; at most one arm of each kind but `other`. */
  readonly arms: readonly Arm[];
  readonly counts: PipelineCounts;
  /** Of the methods adapt, labels and joint: what was done in the place of teacher and student. */
  readonly own?: OwnPhotos | undefined;
  /** How like the trainings are that the headline compares; left out where it is not known. */
  readonly match?: TrainingMatch | undefined;
  readonly selection?: SelectionRecord | undefined;
  /** Where the models err on the images of {@link measuredOn}; several runs of an arm may be added up. */
  readonly confusion?: ArmConfusion | undefined;
  /** How sure the outcome is of its answers. */
  readonly sureness?: Sureness | undefined;
  /** How training went; a curve that has no points is left out. */
  readonly curves?: readonly ArmCurve[] | undefined;
  /** Settings that were varied, one figure each. */
  readonly sweeps?: readonly SweepFigure[] | undefined;
  /** What was done, in order, and what it took. */
  readonly stages: readonly StageCost[];
  /** Processor, cores, memory, runtime. */
  readonly machine: readonly Fact[];
  /** The resolved settings, as YAML. */
  readonly settings: string;
  /** Inputs by hash, versions. */
  readonly provenance: readonly Fact[];
}

export interface MeasuredOn {
  /**
   * Accuracy on validation images is flattered where they chose the best epoch; the page says so. Cross-validation
   * judges each labelled image by models that had not seen its label.
   */
  readonly set: "test" | "validation" | "cross-validation";
  /** Where the images come from. */
  readonly name: string;
  readonly images: number;
}

/** Something that was trained in one way, once for each seed. */
export interface Arm {
  /**
   * - `supervised`: the student's network, trained on the labelled images only; what the others are held against
   * - `teacher`: the model that scored the unlabelled images
   * - `pretrained`: the student, trained on the selected images only
   * - `finetuned`: the student after fine-tuning, the outcome
   * - those of {@link OwnArm}
   * - `other`: an arm with a name of its own, such as self-training
   */
  readonly kind: "supervised" | "teacher" | "pretrained" | "finetuned" | OwnArm | "other";
  /** @default the name of its kind */
  readonly name?: string | undefined;
  /** A few words on what is particular to it. @default what its kind means */
  readonly summary?: string | undefined;
  /** One for each seed; an arm without any is left out. */
  readonly runs: readonly ArmRun[];
}

export interface ArmRun {
  readonly seed: number;
  readonly top1: number;
  /** NaN where it was not measured. */
  readonly top5: number;
  /** A 1 for each image that is right and a 0 for each other one, in an order that all runs share; undefined where it is not known. */
  readonly right?: string | undefined;
  /**
   * Training images processed for it, pre-training included and the teacher's own training not; undefined for a model
   * that was trained before.
   */
  readonly imagesProcessed: number | undefined;
  /** Time of that training. */
  readonly seconds: number | undefined;
}

/**
 * A model of the methods adapt, labels and joint, by the stage that makes it:
 * - `labels`: a classifier on the frozen network that unlabelled images helped to make
 * - `tuned`: the whole network, trained on from there
 * - `joint`: the same with selected images, which are half of each batch
 * - `labels-alone`, `tuned-alone`: the same from the given model, without any unlabelled image
 */
export type OwnArm = "labels" | "tuned" | "joint" | "labels-alone" | "tuned-alone";

/** What the methods adapt, labels and joint did, as far as it is done. */
export interface OwnPhotos {
  readonly method: "adapt" | "labels" | "joint";
  /** Why this method was taken; a sentence or some. */
  readonly reason?: string | undefined;
  /** The two models that are compared: the last with unlabelled images, and the last of labels alone. */
  readonly between?: { readonly with: OwnArm; readonly without: OwnArm } | undefined;
  /** Undefined until both are measured. Of models that are tuned, cross-validation judges the classifiers before. */
  readonly compared?: ComparedModels | undefined;
  /** Which model `best.safetensors` is, and what that is, as a clause. Undefined until it is chosen. */
  readonly best?: { readonly arm: OwnArm; readonly what: string } | undefined;
  /** What was learnt from unlabelled images without any label; method adapt alone has it. */
  readonly adaptation?: Adaptation | undefined;
  readonly classifier?: OwnClassifier | undefined;
  /** How the whole network was trained on; left out where it stayed frozen. */
  readonly tuning?: OwnTuning | undefined;
  /** Unlabelled images whose labels would help most, and among how many they were found. */
  readonly next?: { readonly images: readonly SuggestedPicture[]; readonly among: number } | undefined;
}

export interface Adaptation {
  /** Images of both kinds. */
  readonly images: number;
  readonly epochs: number;
  /** Contrastive loss after each epoch, from the first on. */
  readonly losses: readonly number[];
}

export interface OwnClassifier {
  /** How it sees embeddings. */
  readonly features: Features;
  /** Unlabelled images that were looked at for it; undefined when they are too few. */
  readonly images?: number | undefined;
  /** Parts of the cross-validation that chose the weight decay. */
  readonly folds?: number | undefined;
}

export interface OwnTuning {
  readonly steps: number;
  /** What the network sees, in a few words, such as "half of each batch strongly augmented". */
  readonly augmentation?: string | undefined;
}

/** A value of the training with unlabelled images and of that without. */
export interface Compared<Value> {
  readonly with: Value;
  readonly without: Value;
}

/** What two trainings should share for their difference to be that of the unlabelled images. */
export interface TrainingMatch {
  /** Weights that both began from, before anything was learnt from unlabelled images. */
  readonly start: Compared<string>;
  /** Optimiser steps of the whole network with labels or pseudo-labels; 0 where a classifier was fitted alone. */
  readonly steps: Compared<number>;
  /** In a few words. */
  readonly augmentation: Compared<string>;
}

/** Sizes of the data at each stage; a stage that has not run is left out. */
export interface PipelineCounts {
  /** Whether the teacher was trained on the labelled images, or taken as it is. @default true */
  readonly taught?: boolean | undefined;
  /** Labelled training images. */
  readonly labelled: number;
  /** Unlabelled images, |U|. */
  readonly unlabelled: number;
  readonly score?: ScoreCounts | undefined;
  readonly select?: SelectCounts | undefined;
  /** Images that pre-training processed, repetitions counted. */
  readonly pretrainImages?: number | undefined;
  /** Images that fine-tuning processed, repetitions counted. */
  readonly finetuneImages?: number | undefined;
}

export interface ScoreCounts {
  /** Images that were scored. */
  readonly images: number;
  /** Images that could not be read. */
  readonly broken: number;
  /** P: best classes that were kept of each image. */
  readonly p: number;
}

/** What a selection took. */
export interface SelectCounts {
  /** K for each class, the same total by one ranking over all classes, or all that reach a score. */
  readonly ranking: "balanced" | "unbalanced" | "threshold";
  /** K: images wanted for each class; null with a threshold. */
  readonly k: number | null;
  /** Rows of the selection: an image that is taken for two classes has two. */
  readonly rows: number;
  /** Different images among them. */
  readonly images: number;
  /**
   * Images that were left out as near-duplicates of labelled, validation or test images; null when none were looked
   * for.
   */
  readonly duplicates: { readonly images: number } | null;
  /** Rows that were passed over because they look like a better one of their class; null when all counted. */
  readonly copies: { readonly rows: number; readonly groups: number } | null;
}

export interface SelectionRecord {
  /** One for each class, in the order of the logits. */
  readonly classes: readonly SelectedClass[];
  /** How often a pseudo-label is right down the ranking, over all classes, where truth is known; by rising rank. */
  readonly precisionByRank?: readonly RankPrecision[] | undefined;
}

export interface SelectedClass {
  /** Images that could have been selected. */
  readonly candidates: number;
  readonly selected: number;
  /** Softmax scores of the first and the last image that were selected; null when none was. */
  readonly highest: number | null;
  readonly lowest: number | null;
  /** Images whose best class this is, by their score, in equal bins from 0 to 1; 20 look well. */
  readonly bestScores: readonly number[];
  /** Selected images whose true class is known, and those of them that are of this class. */
  readonly truth?: { readonly known: number; readonly right: number } | undefined;
  /** Examples by rising rank: `stripRanks` says which ranks, `stripClasses` for which classes. */
  readonly strip: readonly StripImage[];
}

export interface RankPrecision {
  /** Last rank of a stretch. */
  readonly rank: number;
  /** Share of right pseudo-labels in the stretch, in percent. */
  readonly precision: number;
}

/** A selected image to look at. */
export interface StripImage {
  readonly id: string;
  readonly rank: number;
  readonly score: number;
  /** Name of the true class where it is known, whether or not it is among the classes. */
  readonly truth?: string | undefined;
  /** A small JPEG, PNG or WebP as a base64 `data:` URL; left out when the image cannot be shown. */
  readonly thumbnail?: string | undefined;
}

export interface ArmConfusion {
  readonly teacher?: ConfusionMatrix | undefined;
  readonly supervised?: ConfusionMatrix | undefined;
  readonly finetuned?: ConfusionMatrix | undefined;
}

export interface ArmCurve {
  /** Name of what was trained, such as "pre-training". */
  readonly name: string;
  /** By rising count of images; the epochs of a training run will do. */
  readonly points: readonly ArmCurvePoint[];
}

export interface ArmCurvePoint {
  readonly imagesProcessed: number;
  readonly trainLoss?: number | undefined;
  /** On validation images. */
  readonly valTop1?: number | undefined;
}

/** Accuracy over the values of a setting. */
export interface SweepFigure {
  /** What was varied, such as "K, images per class". */
  readonly title: string;
  /** One line for each way of doing the rest, such as balanced and unbalanced; up to four. */
  readonly lines: readonly SweepLine[];
}

export interface SweepLine {
  readonly name: string;
  readonly points: readonly SweepPoint[];
}

export interface SweepPoint {
  /** Value of the setting. */
  readonly value: number;
  /** Accuracy of each seed. */
  readonly top1: readonly number[];
}

export interface StageCost {
  readonly name: string;
  /** Images that went through, repetitions counted; left out where a stage has none. */
  readonly images?: number | undefined;
  readonly seconds: number;
}
