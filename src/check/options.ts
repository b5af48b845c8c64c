import type { CheckedData, ClassCount, ImageSet } from "../data/index.ts";
import type { DecodeLimits } from "../image/index.ts";
import type { ExecutionOptions, ModelSource } from "../predict/index.ts";
import type { EmbedderOptions, EmbeddingEngine } from "../train/head/embed-images.ts";
import type { SplitsEvent } from "../train/trainer/events.ts";
import type { Finding, Problem } from "./findings.ts";

export interface CheckOptions
  extends CheckedData, Omit<ExecutionOptions, "decode">, Pick<EmbedderOptions, "precision"> {
  /** Which images are too large. */
  readonly decode?: DecodeLimits | undefined;
  /** Folder for the page, the list of fixes, and what a check that is stopped goes on from. */
  readonly out: string;
  /**
   * A network whose embeddings tell likely label errors, outliers and images unlike any class. Better one that has not been
   * trained on these labels: it believes them.
   *
   * @default none: nothing of this is looked for
   */
  readonly model?: ModelSource | undefined;
  /** Folder of the embeddings, or `false`. @default `embeddings` in the folder of the weights, which `train` shares */
  readonly embeddingCache?: string | false | undefined;
}

/** What happens during a check, in order; plain data. */
export type CheckEvent =
  | SplitsEvent
  | {
      readonly type: "images";
      readonly set: ImageSet;
      /** Images of all sets so far. */
      readonly done: number;
      /** Of these, images that were known from an earlier check. */
      readonly known: number;
      /** Of all sets, where it is known. */
      readonly total: number | undefined;
    }
  | { readonly type: "step"; readonly step: "copies" | "labels" | "page" }
  | ({ readonly type: "finding" } & Finding)
  | ({ readonly type: "finished" } & CheckResult);

/** What a check found, without the findings of single images. */
export interface CheckResult extends Partial<EmbeddingEngine> {
  /** Path of the page. */
  readonly report: string;
  /** Path of the list of fixes. */
  readonly fixes: string;
  /** Images of each set that was given. */
  readonly sets: readonly { readonly set: ImageSet; readonly images: number }[];
  readonly classes: readonly ClassCount[];
  /** How many findings of single images there are: rows of the list of fixes. */
  readonly findings: number;
  /** A line for each kind of problem, the gravest first; empty where nothing was found. */
  readonly problems: readonly Problem[];
  readonly seconds: number;
}
