import { existing, type Storage } from "../../core/storage/index.ts";
import type { ImageItem, ImageSource } from "../image-source.ts";
import { isHiddenName, isImagePath, partMasks } from "../input-kind.ts";
import { leftOutTally } from "../left-out.ts";
import { sortNaturally } from "../natural-order.ts";
import { classFolders, noneLabel, openSplits, type ClassFolders, type SplitFolder } from "./class-folders.ts";
import type { ImagePlatform, OpenImagesOptions } from "./image-sources.ts";
import { isRunFile, isRunFolder, runLock } from "./run-folder.ts";

/**
 * The images below a folder in natural order, links followed; hidden names and the folders of runs are left out.
 *
 * The label is the name of the top folder, as in torchvision's ImageFolder, or of that inside `train`, `val` and the like
 * ({@link classFolders}); images above have none. Only the names of the folders on the way are held in memory.
 *
 * @throws DataError when a folder cannot be read
 */
export async function openImageFolder(
  { storageFor }: ImagePlatform,
  folder: string,
  { scan, exclude, signal }: OpenImagesOptions,
): Promise<ImageSource> {
  const storage = storageFor(folder);
  const walk: Walk = { storage, root: folder, exclude: exclude && storage.resolve(exclude), signal };
  const all = { [Symbol.asyncIterator]: () => imagesBelow(walk, []) };
  if (scan === false) return { classes: undefined, size: undefined, ...all };

  const images = new Map<string | undefined, number>();
  const leftOut = leftOutTally();
  const found: ClassFolders[] = [];
  const noted: Walk = {
    ...walk,
    onClasses: (classes) => found.push(classes),
    onImage: (top) => images.set(top, (images.get(top) ?? 0) + 1),
    onOther: leftOut.add,
  };
  let size = 0;
  for await (const _ of imagesBelow(noted, [])) size++;
  const { classes: folders, splits } = found[0]!;
  const classes = folders.filter((name) => name !== noneLabel || images.has(name));
  const part = (split: SplitFolder): ImageSource => ({
    classes: split.classes,
    size: images.get(split.folder) ?? 0,
    [Symbol.asyncIterator]: () => imagesBelow(walk, [split.folder]),
  });
  return {
    classes: classes.length > 0 ? classes : undefined,
    size,
    splits: openSplits(splits, part, (name) => storage.join(folder, name)),
    leftOut: leftOut.files(),
    ...all,
  };
}

/** How a folder is walked. */
interface Walk {
  readonly storage: Storage;
  readonly root: string;
  /** A folder that is none of the data. */
  readonly exclude: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Told which folders are classes, before the first image. */
  readonly onClasses?: (found: ClassFolders) => void;
  /** Told of each image by the name of the top folder that it lies below. */
  readonly onImage?: (top: string | undefined) => void;
  /** Told of each file that is no image, or the mask of one. */
  readonly onOther?: (path: string) => void;
}

/** The class folders of a root in which these folders lie. */
async function classesIn(
  { storage, root, exclude, signal }: Walk,
  folders: readonly string[],
): Promise<ClassFolders> {
  // Nobody is told of these files: the walk comes by again.
  const quiet: Walk = { storage, root, exclude, signal };
  return classFolders(await withoutRuns(storage, root, folders), async (name) => {
    const folder = storage.join(root, name);
    return withoutRuns(storage, folder, (await listFolder(quiet, folder, new Set())).folders);
  });
}

async function withoutRuns(
  storage: Storage,
  folder: string,
  names: readonly string[],
): Promise<readonly string[]> {
  const kept: string[] = [];
  for (const name of names) if (!(await isRunFolder(storage, storage.join(folder, name)))) kept.push(name);
  return kept;
}

/** The images below a folder that names from the root lead to. */
async function* imagesBelow(walk: Walk, names: readonly string[]): AsyncGenerator<ImageItem> {
  const { storage, root } = walk;
  const top = await listFolder(walk, root, new Set());
  const found = await classesIn(walk, top.folders);
  walk.onClasses?.(found);
  const { labelOf } = found;
  if (names.length === 0) {
    yield* walkFolder(walk, root, { names, listed: top, ancestors: new Set(), labelOf });
    return;
  }
  const folder = storage.join(root, ...names);
  const ancestors = new Set(top.identity === undefined ? [] : [top.identity]);
  yield* walkFolder(walk, folder, {
    names,
    listed: await listFolder(walk, folder, ancestors),
    ancestors,
    labelOf,
  });
}

interface Place {
  /** Folders from the root to this one. */
  readonly names: readonly string[];
  readonly listed: Listing;
  /** Identities of the folders above, by which loops of links end. */
  readonly ancestors: ReadonlySet<string>;
  readonly labelOf: ClassFolders["labelOf"];
}

async function* walkFolder(walk: Walk, folder: string, place: Place): AsyncGenerator<ImageItem> {
  const { storage, onImage } = walk;
  const { names, listed, ancestors, labelOf } = place;
  const { files, folders, identity } = listed;
  const inside = identity === undefined ? ancestors : new Set([...ancestors, identity]);
  const label = labelOf(names);
  const folderNames = new Set(folders);
  for (const name of sortNaturally([...files, ...folders])) {
    const path = storage.join(folder, name);
    if (!folderNames.has(name)) {
      onImage?.(names[0]);
      yield label === undefined ? { id: path, content: { path } } : { id: path, label, content: { path } };
      continue;
    }
    const below = await listFolder(walk, path, inside);
    if (below.mayBeRun && (await isRunFolder(storage, path))) continue;
    yield* walkFolder(walk, path, { names: [...names, name], listed: below, ancestors: inside, labelOf });
  }
}

interface Listing {
  readonly files: readonly string[];
  /** In natural order. */
  readonly folders: readonly string[];
  /** How a loop of links is recognised. */
  readonly identity: string | undefined;
  /** Whether it holds a file that the folder of a run has. */
  readonly mayBeRun: boolean;
}

async function listFolder(
  { storage, exclude, signal, onOther }: Walk,
  folder: string,
  ancestors: ReadonlySet<string>,
): Promise<Listing> {
  signal?.throwIfAborted();
  const files: string[] = [];
  const folders: string[] = [];
  let mayBeRun = false;
  const { identity } = await existing(storage, folder);
  if (identity !== undefined && ancestors.has(identity)) return { files, folders, identity, mayBeRun };
  for await (const { name, kind } of storage.list(folder, { signal })) {
    mayBeRun ||= name === runLock || isRunFile(name);
    if (isHiddenName(name)) continue;
    const path = storage.join(folder, name);
    // A link to nowhere that is not named as an image is none.
    const isBelow =
      kind === "folder" || (kind === "link" && !isImagePath(name) && (await leadsToFolder(storage, path)));
    if (!isBelow) {
      if (isImagePath(name)) files.push(name);
      else onOther?.(path);
    } else if (exclude === undefined || storage.resolve(path) !== exclude) folders.push(name);
  }
  const { pictures, masks } = partMasks(files);
  for (const name of masks) onOther?.(storage.join(folder, name));
  return { files: pictures, folders: sortNaturally(folders), identity, mayBeRun };
}

/** Whether a link to a folder stands at a path; what cannot be looked at is none. */
const leadsToFolder = (storage: Storage, path: string): Promise<boolean> =>
  storage.stat(path).then(
    (entry) => entry?.kind === "folder",
    () => false,
  );
