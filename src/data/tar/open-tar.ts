import type { ImageItem, ImageSource } from "../image-source.ts";
import { leftOutTally } from "../left-out.ts";
import { sortNaturally } from "../natural-order.ts";
import { openSplits, type SplitFolder } from "../sources/class-folders.ts";
import type { ImagePlatform, OpenImagesOptions } from "../sources/image-sources.ts";
import { archiveFolders } from "./archive-folders.ts";
import { tarImages, tarStreamImages, type TarImagesOptions } from "./tar-images.ts";

type Walk = (options: TarImagesOptions) => AsyncGenerator<ImageItem>;

/** The images of a `.tar`, each located by its offset. */
export function openTar(
  { storageFor }: ImagePlatform,
  path: string,
  options: OpenImagesOptions,
): Promise<ImageSource> {
  return openWalk(path, options, async function* (walkOptions) {
    const file = await storageFor(path).open(path, { whole: true });
    try {
      yield* tarImages(file, walkOptions);
    } finally {
      await file.close();
    }
  });
}

/** The images of a `.tar.gz`, each with its bytes, decompressed anew for every walk. */
export function openGzippedTar(
  { storageFor, gunzip }: ImagePlatform,
  path: string,
  options: OpenImagesOptions,
): Promise<ImageSource> {
  return openWalk(path, options, (walkOptions) =>
    tarStreamImages(path, gunzip(path, storageFor(path).stream(path)), walkOptions),
  );
}

async function openWalk(
  path: string,
  { scan, readLabels, signal }: OpenImagesOptions,
  walk: Walk,
): Promise<ImageSource> {
  if (scan === false) {
    return {
      classes: undefined,
      size: undefined,
      [Symbol.asyncIterator]: () => walk({ readLabels, signal }),
    };
  }
  const folders = archiveFolders();
  const leftOut = leftOutTally();
  const labels = new Set<string>();
  const options: TarImagesOptions = {
    readLabels,
    signal,
    onFolder: folders.add,
    onRun: folders.addRun,
    onOther: leftOut.add,
    // What labels the items have then stands beside them.
    labelOf: () => undefined,
  };
  for await (const { id, label, labelProblem } of walk(options)) {
    folders.addImage(foldersOf(path, id), (label ?? labelProblem) !== undefined);
    if (label !== undefined) labels.add(label);
  }
  const found = await folders.found();
  const classes = sortNaturally(new Set([...labels, ...found.classes]));
  async function* images(isPart: (top: string | undefined) => boolean): AsyncGenerator<ImageItem> {
    for await (const item of walk({ readLabels, signal, labelOf: found.labelOf })) {
      const inside = foldersOf(path, item.id);
      if (found.isData(inside) && isPart(found.topOf(inside))) yield item;
    }
  }
  const part = (folder: SplitFolder): ImageSource => ({
    classes: folder.classes,
    size: found.imagesIn(folder.folder),
    [Symbol.asyncIterator]: () => images((top) => top === folder.folder),
  });
  return {
    classes: classes.length > 0 ? classes : undefined,
    size: found.imagesIn(),
    splits: labels.size > 0 ? undefined : openSplits(found.splits, part, (name) => `${path}/${name}`),
    leftOut: leftOut.files(),
    [Symbol.asyncIterator]: () => images(() => true),
  };
}

/** Names of the folders of an entry, by its id. */
const foldersOf = (archive: string, id: string): readonly string[] =>
  id
    .slice(archive.length + 1)
    .split("/")
    .slice(0, -1);
