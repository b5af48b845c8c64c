import { UsageError } from "../core/index.ts";
import type { Storage } from "../core/storage/index.ts";
import {
  addLeftOut,
  holdOut,
  openImages,
  pathsOfInputs,
  type ImageSource,
  type LeftOutFiles,
  type SplitNames,
} from "../data/index.ts";
import { embeddedModel } from "../nn/index.ts";
import type { ModelOptions } from "../predict/index.ts";
import {
  checkClasses,
  partsOf,
  wholeOrValidation,
  type EmbeddingEngine,
  type NamedImages,
  type Ranks,
} from "../train/index.ts";
import type { SemiEvent } from "./events.ts";
import { isFolder, type Fingerprints } from "./fingerprints.ts";
import { beginsWithTeacher, type Stage, type StageKind } from "./plan/stage.ts";
import type { SemiPlatform } from "./platform.ts";
import type { Execution } from "./score/teacher.ts";
import type { SemiSettings } from "./settings/settings.ts";
import { readManifest, type Manifest, type Origin } from "./stages/manifest.ts";
import { nameOfPaths } from "./settings/absolute-paths.ts";

/** How a machine is used; what comes out depends on engine, precision, device and threads by rounding only. */
export interface SemiExecution extends EmbeddingEngine, Pick<Execution, "device"> {
  readonly threads: number | undefined;
  readonly workers: number | undefined;
}

/** The labelled images in two parts, and their classes. */
interface LabelledImages {
  readonly training: NamedImages;
  readonly validation: NamedImages | undefined;
  readonly classes: readonly string[];
  /** Where their parts lie, if they come in parts. */
  readonly splits: SplitNames | undefined;
}

/** What all stages of a run share. */
export interface SemiContext {
  readonly platform: SemiPlatform;
  readonly settings: SemiSettings;
  readonly out: string;
  /** Where `out` is. */
  readonly storage: Storage;
  readonly execution: SemiExecution & Required<Execution>;
  readonly fingerprints: Fingerprints;
  /** Is told what is worth knowing of weights that are opened. */
  readonly onNotice?: ModelOptions["onNotice"];
  readonly signal: AbortSignal | undefined;
  /** The processes that train together, of which this is one. */
  readonly ranks?: Ranks | undefined;
  /** Path of a file below the folder of the run. */
  readonly path: (...names: readonly string[]) => string;
  /** The labelled images, opened once. */
  readonly labelled: () => Promise<LabelledImages>;
  /** Files of kinds that are not read, in the folders of the run, looked for once. */
  readonly leftOut: () => Promise<readonly LeftOutFiles[] | undefined>;
  /**
   * The manifest of a stage that is complete.
   *
   * @throws UsageError `semi/missing-stage`
   */
  readonly manifest: (stage: string) => Promise<Manifest>;
}

interface ContextOptions extends Pick<
  SemiContext,
  "platform" | "settings" | "out" | "fingerprints" | "onNotice" | "signal" | "ranks"
> {
  readonly execution: SemiExecution;
}

export function semiContext(options: ContextOptions): SemiContext {
  const { platform, out, settings, signal } = options;
  const { threads, workers } = options.execution;
  const storage = platform.storageFor(out);
  const path: SemiContext["path"] = (...names) => storage.join(out, ...names);
  let labelled: Promise<LabelledImages> | undefined;
  let leftOut: ReturnType<SemiContext["leftOut"]> | undefined;
  return {
    ...options,
    storage,
    execution: {
      ...options.execution,
      exif: settings.exif,
      plan: { maxWorkers: workers, maxCores: threads },
    },
    path,
    labelled: () => (labelled ??= openLabelled(platform, settings, signal)),
    leftOut: () => (leftOut ??= leftOutOf(platform, settings, signal)),
    async manifest(stage) {
      const manifest = await readManifest(storage, path(stage));
      if (manifest?.status === "done") return manifest;
      throw missingStage({ path, settings }, stage);
    },
  };
}

/** The error for a stage that another one needs. */
export function missingStage(
  { path, settings: { method } }: Pick<SemiContext, "path" | "settings">,
  stage: string,
  why = "is not complete",
): UsageError {
  // Whoever asks for a stage of method paper has it; a run of all stages would choose for itself.
  const run = method === "paper" ? "semi run --method paper" : "semi run";
  return new UsageError(
    "semi/missing-stage",
    `${path(stage)}: this stage ${why}, and is needed first. Give "${run}" to do all that is missing.`,
  );
}

/** The error for images that should have labels, and have none. */
export function noClasses(name: string): UsageError {
  return new UsageError(
    "semi/settings",
    `${name}: expected images in folders that are named after their classes, or with labels; there are no classes.`,
  );
}

/** Images with labels; a table of them is for the labelled images, and for others that have no classes of their own. */
export async function openWithLabels(
  { platform, settings, signal }: Pick<SemiContext, "platform" | "settings" | "signal">,
  paths: readonly string[],
): Promise<ImageSource> {
  const { labelsFile, imageColumn, labelColumn, labelled } = settings;
  if (labelsFile === null) return openImages(platform, paths, { signal });
  if (paths !== labelled) {
    const own = await openImages(platform, paths, { signal });
    if (own.classes) return own;
  }
  return openImages(platform, paths, {
    labelsFile,
    imageColumn: imageColumn ?? undefined,
    labelColumn: labelColumn ?? undefined,
    signal,
  });
}

/** What the manifest of a stage that looks at labels says of the table that they come from. */
export async function labelsInput({
  settings: { labelsFile, imageColumn, labelColumn },
  fingerprints,
  signal,
}: SemiContext): Promise<Readonly<Record<string, string>>> {
  if (labelsFile === null) return {};
  const hash = await fingerprints.file(labelsFile, signal);
  const columns = [imageColumn, labelColumn].filter((name) => name !== null);
  return { "table of labels": [hash, ...columns].join(" ") };
}

/** @throws UsageError `semi/settings` without labelled images, or without classes; `train/classes` for one class alone. */
async function openLabelled(
  platform: SemiPlatform,
  settings: SemiSettings,
  signal: AbortSignal | undefined,
): Promise<LabelledImages> {
  const { labelled, validation, validationShare, seed } = settings;
  if (labelled.length === 0) {
    throw new UsageError(
      "semi/settings",
      "Say where the labelled images are (labelled, --labelled): a folder of class folders, a .tar, or Parquet.",
    );
  }
  const opened = { platform, settings, signal };
  const whole = { name: nameOfPaths(labelled), images: await openWithLabels(opened, labelled) };
  const parts = partsOf(whole, validation !== null);
  const { name, images } = parts.training;
  const { classes } = images;
  if (!classes) throw noClasses(name);
  await checkClasses(platform.storageFor, images, labelled);
  const { splits } = parts;
  if (validation) {
    const given = { name: nameOfPaths(validation), images: await openWithLabels(opened, validation) };
    return { training: { name, images }, validation: wholeOrValidation(given), classes, splits };
  }
  if (parts.validation) return { ...parts, classes };
  if (validationShare === 0) return { training: { name, images }, validation: undefined, classes, splits };
  const { kept, heldOut } = await holdOut(images, validationShare, seed);
  const share = `${100 * validationShare} % of each class`;
  return {
    training: { name: `${name} without ${share}`, images: kept },
    validation: heldOut.size === 0 ? undefined : { name: `${share} of ${name}, held out`, images: heldOut },
    classes,
    splits,
  };
}

/** Archives are not walked for it: there may be thousands. */
async function leftOutOf(
  platform: SemiPlatform,
  { labelled, validation, test, unlabelled }: SemiSettings,
  signal: AbortSignal | undefined,
): Promise<readonly LeftOutFiles[] | undefined> {
  const { storageFor } = platform;
  const inputs = [labelled, validation, test, unlabelled].flatMap((paths) => paths ?? []);
  // By what all names in it begin with; one folder may lie in another.
  const folders = new Map<string, string>();
  for (const path of await pathsOfInputs(storageFor, inputs)) {
    const storage = storageFor(path);
    if (await isFolder(platform, path))
      folders.set(storage.join(storage.resolve(path), "_").slice(0, -1), path);
  }
  const found: LeftOutFiles[] = [];
  for (const [start, path] of folders) {
    if ([...folders.keys()].some((other) => other !== start && start.startsWith(other))) continue;
    const { leftOut } = await openImages(platform, [path], { signal });
    found.push(...(leftOut ?? []));
  }
  return addLeftOut(found);
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

/** Looks at the inputs of a stage of one kind, or of some. The stages that it needs are complete. */
export type OpenStage<S extends Stage> = (context: SemiContext, stage: S) => Promise<StageWork>;

/** The error for a stage whose model is not named. */
export function noModel(kind: StageKind): UsageError {
  return new UsageError(
    "semi/settings",
    beginsWithTeacher(kind)
      ? `Say what to start from (teacher, --teacher, -m): a model's name, an architecture, or a file of weights; with teach: false also an ONNX file. ${embeddedModel} comes with this package.`
      : "Say what the student is (student, --student): an architecture such as resnext50_32x4d.",
  );
}
