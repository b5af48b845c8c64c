import { isAbsolute } from "node:path";
import { expand } from "brace-expansion";
import { glob, isDynamicPattern } from "tinyglobby";
import { DataError } from "../../core/index.ts";
import {
  concatSources,
  imageExtensions,
  isImagePath,
  pathKind,
  sortNaturally,
  type ImageItem,
  type ImageSource,
} from "../../data/index.ts";
import { pathExists, statPath } from "../files/file-system.ts";
import {
  openGzippedTar,
  openImageFolder,
  openParquet,
  openTar,
  type OpenImagesOptions,
} from "./image-sources.ts";
import { stdinSource } from "./stdin-source.ts";

/**
 * Finds the images of one or more inputs, in their order: image files, folders (of class folders or not), `.tar` and
 * `.tar.gz` archives (class folders, flat, WebDataset), Parquet tables, globs and brace ranges of these, and "-" for
 * standard input.
 *
 * An image file that does not exist is listed all the same and fails when it is read, as a broken one does.
 *
 * @throws DataError when a folder, archive or table does not exist or cannot be read, when none of the image files
 *   exists, or when there are no images at all
 */
export async function openImages(
  inputs: readonly string[],
  options: OpenImagesOptions = {},
): Promise<ImageSource> {
  const sources: ImageSource[] = [];
  let files: string[] = [];
  const missing: unknown[] = [];
  const flush = (): void => {
    if (files.length > 0) sources.push(fileList(files));
    files = [];
  };

  for (const input of inputs) {
    options.signal?.throwIfAborted();
    if (input === "-") {
      flush();
      const open = (path: string): Promise<ImageSource> => openListed(path, options);
      sources.push(stdinSource(options.stdin ?? process.stdin, open, options.signal));
      continue;
    }
    for (const path of await inputPaths(input)) {
      // Consecutive files make one source: a shell may hand over a hundred thousand.
      const image = await imageFile(path);
      if (image) {
        files.push(path);
        if (image.missing) missing.push(image.missing);
        continue;
      }
      flush();
      sources.push(await openPath(path, options));
    }
  }
  flush();

  const all = concatSources(sources);
  // A mistyped path is told before a model is loaded for it.
  if (missing.length > 0 && missing.length === all.size) throw missing[0];
  if (all.size === 0) throw nothingFound(inputs);
  const classes = sources.some((source) => source.classes === undefined && source.size === undefined)
    ? undefined
    : all.classes;
  return { classes, size: all.size, [Symbol.asyncIterator]: () => atLeastOne(all, inputs) };
}

async function openPath(path: string, options: OpenImagesOptions): Promise<ImageSource> {
  const kind = pathKind(path);
  if ((await statPath(path)).isDirectory()) return openImageFolder(path, options);
  if (kind === "image") return fileList([path]);
  if (kind === "unsupported-archive") {
    throw new DataError(
      "data/archive",
      `${path}: archives of this kind are not read. Unpack it, or pack it again as .tar, .tar.gz or .parquet.`,
    );
  }
  return openArchive[kind](path, options);
}

const openArchive = {
  tar: openTar,
  "tar-gzip": openGzippedTar,
  parquet: openParquet,
} satisfies Record<string, (path: string, options: OpenImagesOptions) => Promise<ImageSource>>;

// Of a long list, one image that is missing must not end the run: reading it fails on its own.
async function openListed(path: string, options: OpenImagesOptions): Promise<ImageSource> {
  return isImagePath(path) ? fileList([path]) : openPath(path, { ...options, scan: false });
}

/** Of a path that names an image and no folder, whether the file is missing, and why. */
async function imageFile(path: string): Promise<{ readonly missing?: unknown } | undefined> {
  if (pathKind(path) !== "image") return undefined;
  try {
    return (await statPath(path)).isDirectory() ? undefined : {};
  } catch (missing) {
    return { missing };
  }
}

function fileList(paths: readonly string[]): ImageSource {
  return {
    classes: undefined,
    size: paths.length,
    async *[Symbol.asyncIterator]() {
      for (const path of paths) yield { id: path, content: { path } };
    },
  };
}

async function* atLeastOne(source: ImageSource, inputs: readonly string[]): AsyncGenerator<ImageItem> {
  let found = false;
  for await (const item of source) {
    found = true;
    yield item;
  }
  if (!found) throw nothingFound(inputs);
}

function nothingFound(inputs: readonly string[]): DataError {
  return new DataError(
    "data/no-images",
    `no images in ${inputs.join(", ") || "an empty list of inputs"}: looked for ${imageExtensions.join(" ")}, hidden files left out. A folder of archives is given as "folder/*.tar" or "folder/*.parquet".`,
  );
}

// A thousand times more shards than any data set has.
const maxExpansions = 1_000_000;

/**
 * The paths that an input names: itself when it exists, else its braces expanded and its wildcards matched.
 *
 * Each alternative of the braces has to exist, so that a missing shard does not go unnoticed.
 *
 * @throws DataError when a wildcard matches nothing
 */
async function inputPaths(input: string): Promise<readonly string[]> {
  if (await pathExists(input)) return [input];
  const paths: string[] = [];
  for (const pattern of expand(input, { max: maxExpansions })) {
    if ((await pathExists(pattern)) || !isDynamicPattern(pattern)) paths.push(pattern);
    else paths.push(...(await matches(pattern)));
  }
  return paths;
}

/** The paths that several inputs name, in their order. */
export async function allPaths(inputs: readonly string[]): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const input of inputs) paths.push(...(await inputPaths(input)));
  return paths;
}

async function matches(pattern: string): Promise<readonly string[]> {
  const found = await glob(pattern, {
    expandDirectories: false,
    onlyFiles: true,
    followSymbolicLinks: true,
    absolute: isAbsolute(pattern),
  });
  if (found.length === 0) {
    throw new DataError(
      "data/no-match",
      `no file matches "${pattern}". Check the pattern, and quote it for the shell.`,
    );
  }
  return sortNaturally(found);
}
