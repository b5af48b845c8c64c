import { join } from "node:path";
import { UsageError } from "../../core/index.ts";
import { holdOut } from "../../data/index.ts";
import type { Manifest, Origin, SemiSettings, Stage, StageKind } from "../../semi/index.ts";
import { openImages } from "../library.ts";
import type { NamedImages } from "../../train/run/training-data.ts";
import type { SemiEvent } from "./events.ts";
import type { Fingerprints } from "./fingerprints.ts";
import { readManifest } from "./stage-files.ts";
import type { Execution } from "./teacher.ts";

/** How a machine is used; what comes out depends on `device` and `threads` by rounding only. */
export interface SemiExecution extends Pick<Execution, "device"> {
  readonly threads: number | undefined;
  readonly workers: number | undefined;
}

/** The labelled images in two parts, and their classes. */
interface LabelledImages {
  readonly training: NamedImages;
  readonly validation: NamedImages | undefined;
  readonly classes: readonly string[];
}

/** What all stages of a run share. */
export interface SemiContext {
  readonly settings: SemiSettings;
  readonly out: string;
  readonly execution: SemiExecution & Execution;
  readonly fingerprints: Fingerprints;
  readonly signal: AbortSignal | undefined;
  /** Path of a file below the folder of the run. */
  readonly path: (...names: readonly string[]) => string;
  /** The labelled images, opened once. */
  readonly labelled: () => Promise<LabelledImages>;
  /**
   * The manifest of a stage that is complete.
   *
   * @throws UsageError `semi/missing-stage`
   */
  readonly manifest: (stage: string) => Promise<Manifest>;
}

interface ContextOptions extends Pick<SemiContext, "settings" | "out" | "fingerprints" | "signal"> {
  readonly execution: SemiExecution;
}

export function semiContext(options: ContextOptions): SemiContext {
  const { out, settings, signal } = options;
  let labelled: Promise<LabelledImages> | undefined;
  return {
    ...options,
    execution: { ...options.execution, decode: { exifOrientation: settings.exif } },
    path: (...names) => join(out, ...names),
    labelled: () => (labelled ??= openLabelled(settings, signal)),
    async manifest(stage) {
      const manifest = await readManifest(join(out, stage));
      if (manifest?.status === "done") return manifest;
      throw missingStage(stage, out);
    },
  };
}

/** The error for a stage that another one needs. */
export function missingStage(stage: string, out: string, why = "is not complete"): UsageError {
  return new UsageError(
    "semi/missing-stage",
    `${join(out, stage)}: this stage ${why}, and is needed first. Give "semi run" to do all that is missing.`,
  );
}

/** The error for images that should have labels, and have none. */
export function noClasses(name: string): UsageError {
  return new UsageError(
    "semi/settings",
    `${name}: expected images in folders that are named after their classes, or with labels; there are no classes.`,
  );
}

/** @throws UsageError `semi/settings` without labelled images, or without classes. */
async function openLabelled(
  { labelled, validation, validationShare, seed }: SemiSettings,
  signal: AbortSignal | undefined,
): Promise<LabelledImages> {
  if (labelled.length === 0) {
    throw new UsageError(
      "semi/settings",
      "Say where the labelled images are (labelled, --labelled): a folder of class folders, a .tar, or Parquet.",
    );
  }
  const images = await openImages(labelled, { signal });
  const { classes } = images;
  const name = labelled.join(" ");
  if (!classes) throw noClasses(name);
  if (validation) {
    const given = { name: validation.join(" "), images: await openImages(validation, { signal }) };
    return { training: { name, images }, validation: given, classes };
  }
  if (validationShare === 0) return { training: { name, images }, validation: undefined, classes };
  const { kept, heldOut } = await holdOut(images, validationShare, seed);
  const share = `${100 * validationShare} % of each class`;
  return {
    training: { name: `${name} without ${share}`, images: kept },
    validation: heldOut.size === 0 ? undefined : { name: `${share} of ${name}, held out`, images: heldOut },
    classes,
  };
}

/** What came of a stage. */
export interface StageOutcome {
  /** Files in the stage's folder that later stages read. */
  readonly outputs: readonly string[];
  readonly counts: Manifest["counts"];
}

/** A stage whose inputs are known. */
export interface StageWork {
  readonly origin: Origin;
  /** Whether it keeps what is still right of an earlier result, and replaces the rest itself. */
  readonly isIncremental?: boolean;
  /** Files that should stand when it is done, besides its outputs, and do not; each as a phrase. */
  missing?(): Promise<readonly string[]>;
  /** @returns undefined when the run was stopped, and what it needs to go on is saved. */
  run(): AsyncGenerator<SemiEvent, StageOutcome | undefined, undefined>;
}

/** Looks at the inputs of a stage. The stages that it needs are complete. */
export type OpenStage = (context: SemiContext, stage: Stage) => Promise<StageWork>;

/** Whether the model that a stage begins with is the teacher, and not the student. */
export const beginsWithTeacher = (kind: StageKind): boolean =>
  kind === "weak" || kind === "teach" || kind === "score";

/** The error for a stage whose model is not named. */
export function noModel(kind: StageKind): UsageError {
  return new UsageError(
    "semi/settings",
    beginsWithTeacher(kind)
      ? "Say what the teacher is (teacher, --teacher): a model's name, an architecture, or a file of weights; with teach: false also an ONNX file."
      : "Say what the student is (student, --student): an architecture such as resnext50_32x4d.",
  );
}
