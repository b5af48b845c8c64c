import { sortNaturally } from "../natural-order.ts";
import { classFolders, type ClassFolders } from "../sources/class-folders.ts";

/** Gathers the folders of an archive while it is walked; its memory grows with them, not with the images. */
export interface ArchiveFolders {
  /** Notes a folder, which may hold nothing. */
  readonly add: (folders: readonly string[]) => void;
  /** Notes an image in a folder. @param isLabelled whether its label stands beside it, and not in the name of the folder */
  readonly addImage: (folders: readonly string[], isLabelled: boolean) => void;
  /** Notes that a folder is that of a run: no class, and no data. */
  readonly addRun: (folders: readonly string[]) => void;
  /** What the folders are, once all are known. */
  found(): Promise<FoundFolders>;
}

/** The folders of an archive, as a folder on disk that holds the same has them. */
interface FoundFolders extends Pick<ClassFolders, "splits" | "labelOf"> {
  /** Names of the classes of images that have no label beside them, and of classes without images. */
  readonly classes: readonly string[];
  /** Number of images below all folders, or below one of the top. */
  readonly imagesIn: (top?: string) => number;
  /** Whether images in a folder are data; they are none in that of a run. */
  readonly isData: (folders: readonly string[]) => boolean;
  /** The name of the top folder that a folder lies in; undefined for the root. */
  readonly topOf: (folders: readonly string[]) => string | undefined;
}

interface Folder {
  readonly folders: Map<string, Folder>;
  /** Images directly inside. */
  images: number;
  /** Those of them that have a label beside them. */
  labelled: number;
  isRun: boolean;
}

const emptyFolder = (): Folder => ({ folders: new Map(), images: 0, labelled: 0, isRun: false });

export function archiveFolders(): ArchiveFolders {
  const archive = emptyFolder();
  const at = (names: readonly string[]): Folder => {
    let folder = archive;
    for (const name of names) {
      const next = folder.folders.get(name) ?? emptyFolder();
      folder.folders.set(name, next);
      folder = next;
    }
    return folder;
  };
  return {
    add: (folders) => void at(folders),
    addImage(folders, isLabelled) {
      const folder = at(folders);
      folder.images++;
      if (isLabelled) folder.labelled++;
    },
    addRun(folders) {
      at(folders).isRun = true;
    },
    found: () => foundIn(archive),
  };
}

async function foundIn(archive: Folder): Promise<FoundFolders> {
  const depth = rootDepth(archive);
  let root = archive;
  for (let i = 0; i < depth; i++) root = dataFolders(root)[0]![1];
  const namesIn = (folder: Folder | undefined): string[] =>
    sortNaturally(folder ? dataFolders(folder).map(([name]) => name) : []);
  const { classes, splits, labelOf } = await classFolders(namesIn(root), async (name) =>
    namesIn(root.folders.get(name)),
  );
  const classRoots = splits ? [...root.folders.values()] : [root];
  return {
    splits,
    labelOf: (folders) => labelOf(folders.slice(depth)),
    classes: classes.filter((name) => classRoots.some((folder) => mayBeClass(folder.folders.get(name)))),
    imagesIn: (top) => count(top === undefined ? root : root.folders.get(top)).images,
    isData: (folders) => isData(root, folders.slice(depth)),
    topOf: (folders) => folders[depth],
  };
}

/**
 * How many folders stand above those of the classes: an archive of a folder names that folder, and maybe those above it. A
 * single folder with images and no other folders in it is that of a class.
 */
function rootDepth(archive: Folder): number {
  let depth = 0;
  for (let folder = archive; ; depth++) {
    const [only, ...others] = dataFolders(folder);
    if (folder.images > 0 || !only || others.length > 0 || only[1].folders.size === 0) return depth;
    folder = only[1];
  }
}

/** The folders inside, without those of runs; an archive of a run alone is data as any other. */
function dataFolders({ folders }: Folder): (readonly [name: string, folder: Folder])[] {
  const data = [...folders].filter(([, { isRun }]) => !isRun);
  return data.length > 0 ? data : [...folders];
}

function isData(root: Folder, folders: readonly string[]): boolean {
  let folder: Folder | undefined = root;
  for (const name of folders) {
    folder = folder?.folders.get(name);
    if (folder?.isRun) return false;
  }
  return true;
}

/** Whether a folder holds images that it names the class of, or none at all. */
function mayBeClass(folder: Folder | undefined): boolean {
  if (!folder || folder.isRun) return false;
  const { images, labelled } = count(folder);
  return images === 0 || labelled < images;
}

function count(folder: Folder | undefined): Pick<Folder, "images" | "labelled"> {
  const all = { images: folder?.images ?? 0, labelled: folder?.labelled ?? 0 };
  for (const below of folder?.folders.values() ?? []) {
    if (below.isRun) continue;
    const { images, labelled } = count(below);
    all.images += images;
    all.labelled += labelled;
  }
  return all;
}
