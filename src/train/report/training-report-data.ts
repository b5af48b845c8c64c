import type { ConfusionMatrix } from "../../predict/index.ts";
import type { Fact } from "../../report/elements.ts";
import type { Features } from "../head/feature-transform.ts";
import type { Sureness } from "./reliability.ts";

/** What a training run has to show; everything in it is plain data. */
export interface TrainingReportData {
  /** Heading and document title, such as the name of the run's folder. */
  readonly title: string;
  /** One sentence that says what was trained on what. */
  readonly summary?: string | undefined;
  /** What the run ended with; a run that still goes on or was stopped says so. @default "finished" */
  readonly status?: "finished" | "running" | "stopped" | undefined;
  /** Class names in the order of the logits. */
  readonly classes: readonly string[];
  /** One record an epoch, in order; empty when nothing was trained by epochs. */
  readonly epochs: readonly EpochRecord[];
  /** Finer points of the same curves, in order; thousands are thinned out for drawing. */
  readonly steps?: readonly StepRecord[] | undefined;
  /** Regularisation strengths that were tried in cross-validation, for a head that was fitted. */
  readonly sweep?: readonly SweepRecord[] | undefined;
  /** The weights that the run keeps, measured; left out without validation images. */
  readonly validation?: ValidationRecord | undefined;
  /** A head on the images that it was trained on, each judged by a fit that had not seen it. */
  readonly crossValidation?: CrossValidationRecord | undefined;
  /** How sure the weights are of images that had no part in them. */
  readonly sureness?: Sureness | undefined;
  /** The resolved recipe, in the order of its file. */
  readonly recipe: readonly Fact[];
  /** Model, weights, data, seed, versions. */
  readonly provenance: readonly Fact[];
  /** Processor, cores, memory, runtime. */
  readonly machine: readonly Fact[];
}

/** One epoch; accuracies in percent, losses in nats. */
export interface EpochRecord {
  /** Counted from 1. */
  readonly epoch: number;
  /** Training images that were processed until its end. */
  readonly imagesProcessed: number;
  readonly trainLoss: number;
  readonly trainTop1: number;
  /** At its last step. */
  readonly learningRate: number;
  readonly valLoss?: number | undefined;
  readonly valTop1?: number | undefined;
  readonly valTop5?: number | undefined;
  /** Images that these were measured on; epochs of earlier versions do not say it. */
  readonly valImages?: number | undefined;
  /** Of training, without validation. */
  readonly imagesPerSecond: number;
  readonly peakMemoryBytes?: number | undefined;
}

/** One step, or the mean of a few. */
export interface StepRecord {
  readonly imagesProcessed: number;
  readonly loss: number;
  readonly learningRate: number;
}

/** One strength of the L2 penalty and how the head did on images that it had not seen. */
export interface SweepRecord {
  readonly features: Features;
  readonly l2: number;
  readonly loss: number;
  /** In percent, of so many images. */
  readonly top1: number;
  readonly images: number;
  readonly chosen: boolean;
}

/** Accuracy over the validation images, in percent, and where the model errs. */
export interface ValidationRecord {
  /** Where the images come from. */
  readonly data: string;
  readonly top1: number;
  readonly top5: number;
  readonly confusion: ConfusionMatrix;
  /** Images that could not be read. */
  readonly failed: number;
  /** The most confidently wrong images, the most confident first. */
  readonly mistakes: readonly Mistake[];
}

/** As a validation, with images that were held out in turns. */
export interface CrossValidationRecord extends ValidationRecord {
  readonly folds: number;
  /** Images that are the only one of their class, and were never held out. */
  readonly notJudged: number;
}

/** An image that was taken for something else. */
export interface Mistake {
  readonly id: string;
  /** Index of the right class. */
  readonly target: number;
  /** Index of the class that it was taken for. */
  readonly predicted: number;
  /** Softmax probability of the predicted class, 0 to 1. */
  readonly probability: number;
  /** A small JPEG as a `data:` URL; left out when the image cannot be shown. */
  readonly thumbnail?: string | undefined;
}
