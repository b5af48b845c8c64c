import type { ImageSource, ImageSplits } from "../image-source.ts";
import { sortNaturally } from "../natural-order.ts";

/** The label of images that show none of the classes; a folder of this name without images is no class. */
export const noneLabel = "none";

/** Which folders stand for classes, as in torchvision's ImageFolder, and which for the parts of a data set. */
export interface ClassFolders {
  /** Names of all classes in natural order, those without images among them. */
  readonly classes: readonly string[];
  readonly splits: SplitFolders | undefined;
  /**
   * The class of an image, by the names of the folders on the way to it; undefined where that says nothing.
   *
   * It is the first folder, or the one inside that of a split, whatever lies deeper.
   */
  readonly labelOf: (folders: readonly string[]) => string | undefined;
}

/** The parts of a data set that lie in folders of their own, with class folders inside. */
export interface SplitFolders {
  readonly training: SplitFolder;
  /** The one that is validated on; undefined when only the training images lie in class folders. */
  readonly validation: SplitFolder | undefined;
  /** Names of the folders beside them, which are neither trained nor validated on. */
  readonly unused: readonly string[];
}

export interface SplitFolder {
  readonly folder: string;
  readonly classes: readonly string[];
}

const isTraining = (name: string): boolean => /^train(?:ing)?$/i.test(name);
const isValidation = (name: string): boolean => /^val(?:id(?:ation)?)?$/i.test(name);
const isTest = (name: string): boolean => /^test(?:ing)?$/i.test(name);

/** Whether names of classes are those that parts of data sets have, `train` among them. */
export const areSplitNames = (names: readonly string[]): boolean =>
  names.length > 1 &&
  names.some(isTraining) &&
  names.every((name) => isTraining(name) || isValidation(name) || isTest(name));

/**
 * Finds the class folders below a root: the folders in it, or, where it holds `train` and `val` (`valid`, `validation`, `test`)
 * with class folders inside, the folders in these, as timm, ultralytics and Hugging Face's imagefolder take them.
 *
 * A folder `test` or `train` that holds images directly is a class as any other.
 *
 * @param folders Names of the folders in the root, in natural order.
 * @param list Gives those of the folders in one of them.
 */
export async function classFolders(
  folders: readonly string[],
  list: (folder: string) => Promise<readonly string[]>,
): Promise<ClassFolders> {
  const inside = new Map<string, readonly string[]>();
  if (folders.filter(isTraining).length === 1) {
    for (const name of folders.filter((one) => isTraining(one) || isValidation(one) || isTest(one))) {
      const classes = await list(name);
      if (classes.length > 0) inside.set(name, classes);
    }
  }
  const splits = splitsOf(folders, inside);
  if (!splits) return { classes: folders, splits, labelOf: ([first]) => first };
  return {
    classes: sortNaturally(new Set([...inside.values()].flat())),
    splits,
    labelOf: ([first = "", second]) => (inside.has(first) ? second : undefined),
  };
}

/** @param inside The class folders in each of the folders that may be a split. */
function splitsOf(
  folders: readonly string[],
  inside: ReadonlyMap<string, readonly string[]>,
): SplitFolders | undefined {
  const training = folders.find(isTraining);
  const classes = training === undefined ? undefined : inside.get(training);
  if (training === undefined || !classes) return undefined;
  const others = folders.filter((name) => name !== training);
  const folder = [isValidation, isTest]
    .map((is) => others.find((name) => is(name) && inside.has(name)))
    .find((name) => name !== undefined);
  const validation = folder === undefined ? undefined : { folder, classes: inside.get(folder)! };
  // Beside folders of other names they are splits only where they show to be of one kind.
  const isSplit = validation
    ? areSplitNames(folders) || validation.classes.some((name) => classes.includes(name))
    : areSplitNames(folders);
  if (!isSplit) return undefined;
  const unused = others.filter((name) => name !== folder);
  return { training: { folder: training, classes }, validation, unused };
}

/**
 * The images of splits.
 *
 * @param open Gives those of one of their folders.
 * @param path Where a folder of this name lies.
 */
export function openSplits(
  splits: SplitFolders | undefined,
  open: (split: SplitFolder) => ImageSource,
  path: (folder: string) => string,
): ImageSplits | undefined {
  if (!splits) return undefined;
  const { training, validation, unused } = splits;
  return {
    training: open(training),
    validation: validation && open(validation),
    names: {
      training: [path(training.folder)],
      validation: validation ? [path(validation.folder)] : [],
      unused: unused.map(path),
    },
  };
}
