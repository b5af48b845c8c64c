import { UsageError } from "../../core/index.ts";
import { baseName, existing, type Entry } from "../../core/storage/index.ts";
import { concatSources, type ImageSource, type Part } from "../image-source.ts";
import { isImagePath } from "../input-kind.ts";
import type { ImagePlatform } from "./image-sources.ts";

/** How inputs that are not shared out are opened. */
interface Opening {
  /** The paths that an input names, with what stands there where that was looked up. */
  readonly pathsOf: (
    input: string,
  ) => Promise<readonly { readonly path: string; readonly entry: Entry | undefined }[]>;
  readonly openFolder: (path: string, entry: Entry) => Promise<ImageSource>;
  /** @throws DataError for an archive or a table without images */
  readonly openFile: (path: string) => Promise<ImageSource>;
  /** Image files, which may be missing. */
  readonly listFiles: (paths: readonly string[]) => ImageSource;
  readonly signal: AbortSignal | undefined;
}

/**
 * The images of a part: every n-th file, and every n-th image of folders, counted on from one input to the next. Of few files some
 * parts get none; undefined where there are no images for anybody.
 *
 * @throws UsageError `usage/part` for standard input and beside a table of labels; DataError where all paths are missing, and as opening does
 */
export async function openPart(
  { storageFor }: Pick<ImagePlatform, "storageFor">,
  inputs: readonly string[],
  labelsFile: string | undefined,
  part: Part,
  { pathsOf, openFolder, openFile, listFiles, signal }: Opening,
): Promise<ImageSource | undefined> {
  if (labelsFile !== undefined) {
    throw new UsageError(
      "usage/part",
      `${labelsFile}: a table of labels goes with all images, not with a part of them. Pack images and labels as shards, or leave the part out.`,
    );
  }
  if (inputs.includes("-")) {
    throw new UsageError(
      "usage/part",
      'What comes from standard input ("-") cannot be shared out in parts. Name files.',
    );
  }
  const sources: ImageSource[] = [];
  let files: string[] = [];
  const add = (source?: ImageSource): void => {
    // Consecutive files make one source: a shell may hand over a hundred thousand.
    if (files.length > 0) sources.push(listFiles(files));
    files = [];
    if (source) sources.push(source);
  };
  let number = 0;
  let missing: Error | undefined;
  let isThere = false;
  for (const input of inputs) {
    for (const { path, entry: known } of await pathsOf(input)) {
      signal?.throwIfAborted();
      const entry = known ?? (await existing(storageFor(path), path).catch((error: Error) => error));
      const isMissing = entry instanceof Error;
      if (isMissing) missing ??= entry;
      else isThere = true;
      if (!isMissing && entry.kind === "folder") {
        const folder = await openFolder(path, entry);
        add(partOfSource(folder, part, number));
        number += folder.size ?? 0;
        continue;
      }
      if (number++ % part.count !== part.index - 1) continue;
      // An image that is missing fails when it is read.
      if (isImagePath(baseName(path))) files.push(path);
      else if (isMissing) throw entry;
      else add(await openFile(path));
    }
  }
  add();
  if (!isThere && missing) throw missing;
  return number === 0 ? undefined : { ...concatSources(sources), pieces: number };
}

/**
 * Every `count`th image of a source.
 *
 * @param before Images that were counted before it, of which others have their share.
 */
function partOfSource(source: ImageSource, { index, count }: Part, before: number): ImageSource {
  const { size, splits, leftOut } = source;
  const first = (((index - 1 - before) % count) + count) % count;
  const shared = (whole: ImageSource): ImageSource => partOfSource(whole, { index, count }, 0);
  return {
    ...source,
    size: size === undefined ? undefined : Math.max(0, Math.ceil((size - first) / count)),
    splits: splits && {
      ...splits,
      training: shared(splits.training),
      validation: splits.validation && shared(splits.validation),
    },
    // What nobody reads is said once.
    leftOut: index === 1 ? leftOut : undefined,
    async *[Symbol.asyncIterator]() {
      let number = 0;
      for await (const image of source) if (number++ % count === first) yield image;
    },
  };
}
