import {
  isHiddenName,
  isImagePath,
  sortNaturally,
  type ImageItem,
  type ImageSource,
} from "../../data/index.ts";
import { partMasks } from "../../data/input-kind.ts";
import { leftOutTally } from "../../data/left-out.ts";
import { classFolders, openSplits } from "../../data/sources/class-folders.ts";

/**
 * The images of a folder that was chosen (`<input webkitdirectory>`) or dropped, as `openImages` finds them in a folder on disk:
 * the first folder inside is the class, `train` and `val` with class folders inside are parts, hidden files and masks are none
 * of the images, and what is not read is counted.
 *
 * @param root Its name.
 * @param files All of one folder, each with its path from that folder on.
 */
export async function chosenFolder(root: string, files: readonly File[]): Promise<ImageSource> {
  const leftOut = leftOutTally();
  const images = new Map<string, File>();
  for (const file of files) {
    const [, ...inside] = file.webkitRelativePath.split("/");
    if (inside.some(isHiddenName)) continue;
    if (isImagePath(file.name)) images.set(file.webkitRelativePath, file);
    else leftOut.add(file.webkitRelativePath);
  }
  const { pictures, masks } = partMasks([...images.keys()]);
  masks.forEach(leftOut.add);

  const folders = new Map<string, Set<string>>();
  for (const path of pictures) {
    const [top, second] = foldersOf(path);
    if (top === undefined) continue;
    const below = folders.get(top) ?? new Set<string>();
    folders.set(top, second === undefined ? below : below.add(second));
  }
  const found = await classFolders(sortNaturally(folders.keys()), async (name) =>
    sortNaturally(folders.get(name) ?? []),
  );

  const source = (paths: readonly string[], classes: readonly string[]): ImageSource => ({
    classes: classes.length > 0 ? classes : undefined,
    size: paths.length,
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      for (const path of paths) {
        const label = found.labelOf(foldersOf(path));
        yield { id: path, content: { blob: images.get(path)! }, ...(label === undefined ? {} : { label }) };
      }
    },
  });
  const splits = openSplits(
    found.splits,
    ({ folder, classes }) =>
      source(
        pictures.filter((path) => foldersOf(path)[0] === folder),
        classes,
      ),
    (name) => `${root}/${name}`,
  );
  return { ...source(pictures, found.classes), splits, leftOut: leftOut.files() };
}

/** Names of the folders between the one that was chosen and a file. */
const foldersOf = (path: string): readonly string[] => path.split("/").slice(1, -1);
