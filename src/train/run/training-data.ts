import { UsageError } from "../../core/index.ts";
import { baseName, type StorageFor } from "../../core/storage/index.ts";
import {
  addLeftOut,
  holdOut,
  isHiddenName,
  labelledByTable,
  openImages,
  quickProblems,
  sortNaturally,
  type ImageItem,
  type ImageSource,
  type LeftOutFiles,
  type NamedSet,
  type OpenImagesOptions,
  type RowsWithoutImage,
  type SplitNames,
} from "../../data/index.ts";
import { areSplitNames } from "../../data/sources/class-folders.ts";
import { isRunFolder } from "../../data/sources/run-folder.ts";
import type { TrainingPlatform } from "../platform.ts";
import type { Recipe } from "../recipe/fields.ts";
import type { ProblemsEvent } from "../trainer/events.ts";

/** Images that were found already, and what descriptions and reports call them. */
export interface NamedImages {
  readonly name: string;
  readonly images: ImageSource;
}

/** Paths as `openImages` takes them, or what it found. */
export type TrainingImages = string | readonly string[] | NamedImages;

/** Where the images of a run come from. */
export interface TrainingDataOptions extends Pick<
  OpenImagesOptions,
  "imageColumn" | "labelColumn" | "labelsFile" | "exclude" | "readLabels" | "signal"
> {
  readonly data: TrainingImages;
  readonly validation: TrainingImages | undefined;
  readonly unlabelled: TrainingImages | undefined;
  readonly pseudoLabelled: TrainingImages | undefined;
  /** Whether labels are looked at; if not, nothing is validated on either. */
  readonly isLabelled: boolean;
  /** Share of each class that is held out when there are no validation images. */
  readonly validationShare: number;
  readonly seed: number;
}

/** Where the images of a run come from that is trained by a recipe. @param given `out` is no image of it */
export function trainingDataOptions(
  {
    out,
    validation,
    unlabelled,
    pseudoLabelled,
    ...given
  }: CheckedOptions & PseudoLabelled & { readonly out: string },
  { mode, validationShare, seed }: Recipe,
): TrainingDataOptions {
  const { data, imageColumn, labelColumn, labelsFile, signal } = given;
  return {
    data,
    validation,
    unlabelled,
    pseudoLabelled,
    isLabelled: mode !== "adapt",
    // A head is judged by cross-validation, and images without labels say nothing of accuracy: all are trained on.
    validationShare: mode === "head" || mode === "adapt" ? 0 : validationShare,
    seed,
    imageColumn,
    labelColumn,
    labelsFile,
    readLabels: mode !== "adapt",
    exclude: out,
    signal,
  };
}

type PseudoLabelled = Partial<Pick<TrainingDataOptions, "pseudoLabelled">>;

/** The images of a run. */
export interface TrainingData {
  readonly training: ImageSource;
  /** What the images are called in descriptions. */
  readonly name: string;
  readonly validation: ImageSource | undefined;
  /** What the validation images are called in reports. */
  readonly validationName: string;
  readonly unlabelled: NamedImages | undefined;
  readonly pseudoLabelled: NamedImages | undefined;
  readonly rowsWithoutImage: RowsWithoutImage | undefined;
  /** What the images are for, before a share of the labelled ones is held out. */
  readonly sets: readonly NamedSet[];
  /** Where the parts of the data lie that are used, if they come in parts. */
  readonly splits: SplitNames | undefined;
  /** Files of kinds that are not read, among all images of the run. */
  readonly leftOut: readonly LeftOutFiles[] | undefined;
}

/**
 * Opens the images of a run. Of data in parts, as in folders `train` and `val`, each is used for what it is meant for, unless
 * other validation images are given.
 *
 * @throws DataError when images are missing or cannot be read; UsageError `train/classes` for fewer than two classes.
 */
export async function openTrainingData(
  platform: TrainingPlatform,
  options: TrainingDataOptions,
): Promise<TrainingData> {
  const { validationShare, seed, isLabelled, imageColumn, signal } = options;
  const opened = await named(platform, options.data, options);
  const unlabelled =
    options.unlabelled === undefined
      ? undefined
      : await named(platform, options.unlabelled, { imageColumn, readLabels: false, signal });
  const pseudoLabelled =
    options.pseudoLabelled === undefined ? undefined : await named(platform, options.pseudoLabelled, options);
  const given =
    options.validation === undefined
      ? undefined
      : await namedValidation(platform, options.validation, options);
  const parts = partsOf(opened, given !== undefined || !isLabelled);
  const { name, images: training } = parts.training;
  if (isLabelled) await checkClasses(platform.storageFor, training, pathsOf(options.data));
  const validation = given ? wholeOrValidation(given) : parts.validation;
  const leftOut = addLeftOut([opened, given, unlabelled].flatMap((one) => one?.images.leftOut ?? []));
  const sets: NamedSet[] = [
    { set: "labelled", images: training },
    ...(validation ? [{ set: "validation" as const, images: validation.images }] : []),
    ...(unlabelled ? [{ set: "unlabelled" as const, images: unlabelled.images }] : []),
  ];
  const all = {
    name,
    sets,
    unlabelled,
    pseudoLabelled,
    splits: parts.splits,
    leftOut,
    rowsWithoutImage: opened.images.rowsWithoutImage,
  };
  if (validation) {
    return { ...all, training, validation: validation.images, validationName: validation.name };
  }
  const validationName = `${name}, ${100 * validationShare} % of each class held out`;
  if (validationShare === 0) return { ...all, training, validation: undefined, validationName };
  const { kept, heldOut } = await holdOut(training, validationShare, seed);
  return { ...all, training: kept, validation: heldOut.size === 0 ? undefined : heldOut, validationName };
}

/** What is wrong with labelled images that a run was told where to find; who found them already has looked. */
export async function problemsOf(
  platform: TrainingPlatform,
  { data, validation, unlabelled, imageColumn, labelColumn, labelsFile, signal }: CheckedOptions,
  { sets }: Pick<TrainingData, "sets">,
): Promise<ProblemsEvent | undefined> {
  const paths = pathsOf(data);
  const problems = paths.length === 0 ? [] : await quickProblems(platform, sets, { signal });
  if (problems.length === 0) return undefined;
  const checked = {
    data: paths,
    validation: validation === undefined ? undefined : pathsOf(validation),
    unlabelled: unlabelled === undefined ? undefined : pathsOf(unlabelled),
    imageColumn,
    labelColumn,
    labelsFile,
  };
  return { type: "problems", problems, checked };
}

type CheckedOptions = Pick<
  TrainingDataOptions,
  "data" | "imageColumn" | "labelColumn" | "labelsFile" | "signal"
> &
  Partial<Pick<TrainingDataOptions, "validation" | "unlabelled">>;

/** A table of labels is for images that have none; folders of classes know better. */
async function namedValidation(
  platform: TrainingPlatform,
  images: TrainingImages,
  options: TrainingDataOptions,
): Promise<NamedImages> {
  const { labelsFile, imageColumn: _, labelColumn: __, ...plain } = options;
  if (labelsFile === undefined) return named(platform, images, options);
  const own = await named(platform, images, plain);
  return own.images.classes ? own : named(platform, images, options);
}

/** Labelled images by what they are for. */
export interface DataParts {
  readonly training: NamedImages;
  readonly validation: NamedImages | undefined;
  /** Undefined for data in one piece. */
  readonly splits: SplitNames | undefined;
}

/** @param isValidated Whether there are other images to validate on, or none are needed. */
export function partsOf(images: NamedImages, isValidated: boolean): DataParts {
  const { splits } = images.images;
  if (!splits) return { training: images, validation: undefined, splits: undefined };
  const { training, validation, names } = splits;
  const isUsed = validation !== undefined && !isValidated;
  return {
    training: { name: names.training.join(" "), images: training },
    validation: isUsed ? { name: names.validation.join(" "), images: validation } : undefined,
    splits: isUsed ? names : { ...names, validation: [], unused: [...names.validation, ...names.unused] },
  };
}

/** Images that are given to validate on: of data in parts those that are meant for it. */
export function wholeOrValidation(images: NamedImages): NamedImages {
  const { splits } = images.images;
  return splits?.validation ? { name: splits.names.validation.join(" "), images: splits.validation } : images;
}

/**
 * Refuses images that no classes can be told apart by, before anything is computed from them.
 *
 * @param paths Where they were looked for, by which the message says what was probably meant.
 * @throws UsageError `train/classes` for fewer than two classes, or folders that hold parts of a data set instead.
 */
export async function checkClasses(
  storageFor: StorageFor,
  { classes = [], size }: Pick<ImageSource, "classes" | "size">,
  paths: readonly string[],
): Promise<void> {
  // Of a stream nobody knows yet.
  if (classes.length === 0 && size === undefined) return;
  if (areSplitNames(classes)) {
    throw new UsageError(
      "train/classes",
      `Expected folders that are named after classes, inside of ${classes.join(" and ")} or in their place: these name parts of a data set, not classes${paths.length === 1 ? ` (${paths[0]!})` : ""}.`,
    );
  }
  if (classes.length < 2) {
    checkClassCount(
      classes,
      paths.length === 1 ? await probablyMeant(storageFor, paths[0]!, classes[0]) : undefined,
    );
  }
}

/** @throws UsageError `train/classes` for fewer than two classes. */
export function checkClassCount(classes: readonly string[], meant = "Add images of others."): void {
  if (classes.length > 1) return;
  throw new UsageError(
    "train/classes",
    `Expected labelled images of two classes or more to tell apart, in folders that are named after them; there is ${classes.length === 0 ? "none" : `${classes[0]!} alone`}. ${meant}`,
  );
}

/** What was probably meant by a folder with a single class, or with none. */
async function probablyMeant(
  storageFor: StorageFor,
  path: string,
  only: string | undefined,
): Promise<string | undefined> {
  const storage = storageFor(path);
  const foldersIn = async (folder: string): Promise<readonly string[]> => {
    const names: string[] = [];
    for await (const { name, kind } of storage.list(folder)) {
      const isData = kind === "folder" && !isHiddenName(name);
      if (isData && !(await isRunFolder(storage, storage.join(folder, name)))) names.push(name);
    }
    return sortNaturally(names);
  };
  const shown = (names: readonly string[]): string =>
    names.slice(0, 4).join(", ") + (names.length > 4 ? ", …" : "");
  try {
    if ((await storage.stat(path))?.kind !== "folder") return undefined;
    if (only !== undefined) {
      const inside = storage.join(path, only);
      const below = await foldersIn(inside);
      return below.length > 1
        ? `${inside} holds the folders ${shown(below)}: give it, if these are the classes.`
        : undefined;
    }
    if ((await foldersIn(path)).length > 0) {
      return `No image in ${path} has a class: check that the table of labels names them.`;
    }
    const above = storage.resolve(path).replace(/[/\\][^/\\]+[/\\]*$/, "");
    const beside = await foldersIn(above);
    return beside.length > 1
      ? `The images lie directly in ${path}. Give the folder above, ${above}, if ${shown(beside)} are the classes; else put each image into a folder that is named after its class.`
      : "Put each image into a folder that is named after its class.";
  } catch {
    // It was only to be helpful.
    return undefined;
  }
}

const pathsOf = (images: TrainingImages): readonly string[] =>
  typeof images === "string" ? [images] : "images" in images ? [] : images;

async function named(
  platform: TrainingPlatform,
  images: TrainingImages,
  options: OpenImagesOptions,
): Promise<NamedImages> {
  if (typeof images !== "string" && "images" in images) {
    return { name: images.name, images: await labelledByTable(platform, images.images, options) };
  }
  const paths = typeof images === "string" ? [images] : images;
  return { name: paths.join(" "), images: await openImages(platform, paths, options) };
}

/** A source that notes a hash of the names and classes of its images when it is walked to the end. */
export interface HashedSource extends ImageSource {
  readonly hash: string | undefined;
}

/** Folders above the image do not count, so that a data set may move. */
export function hashedSource({ sha256 }: TrainingPlatform, source: ImageSource): HashedSource {
  let found: string | undefined;
  return {
    classes: source.classes,
    size: source.size,
    get hash() {
      return found;
    },
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      const hash = sha256();
      const encoder = new TextEncoder();
      for await (const item of source) {
        hash.update(encoder.encode(JSON.stringify([item.label, baseName(item.id)])));
        yield item;
      }
      found = await hash.hex();
    },
  };
}
