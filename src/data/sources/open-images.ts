import { DataError, shownName } from "../../core/index.ts";
import { baseName, existing, seenAt, type Entry, type StorageFor } from "../../core/storage/index.ts";
import { concatSources, type ImageItem, type ImageSource, type Part } from "../image-source.ts";
import { imageExtensions, isImagePath, pathKind } from "../input-kind.ts";
import { remedyFor } from "../left-out.ts";
import type { InputPath } from "./wildcards.ts";
import { openParquet, type ImagePlatform, type OpenImagesOptions } from "./image-sources.ts";

/**
 * Finds the images of one or more inputs, in their order: image files, folders (of class folders or not), `.tar` and
 * `.tar.gz` archives (class folders, flat, WebDataset), Parquet tables, globs and brace ranges of these, and "-" for
 * standard input. Inputs are paths, or URLs of the platform's schemes.
 *
 * An image file that does not exist is listed all the same and fails when it is read, as a broken one does.
 *
 * @throws UsageError `usage/part` for a part of what cannot be shared out: standard input, images with a table of labels;
 *   DataError when a folder, archive or table does not exist or cannot be read, when none of the image files
 *   exists, or when there are no images at all; `data/labels-table` for a table of labels that does not go with the images
 */
export async function openImages(
  platform: ImagePlatform,
  inputs: readonly string[],
  options: OpenImagesOptions = {},
): Promise<ImageSource> {
  const { part, labelsFile, imageColumn, labelColumn, signal, ...others } = options;
  if (part) return openShare(platform, inputs, { ...options, part });
  if (labelsFile === undefined) return openInputs(platform, inputs, options);
  const parts = inputsApart(inputs).map((some) => ({
    open: () => openInputs(platform, some, { ...others, readLabels: false, signal }),
    withOwnLabels: some.includes("-") ? undefined : () => openInputs(platform, some, { ...others, signal }),
  }));
  const { withLabelsOf } = await labelsTable();
  return withLabelsOf(platform.storageFor, parts, { labelsFile, imageColumn, labelColumn, signal });
}

/** @throws UsageError `usage/part` for a part of what cannot be shared out */
async function openShare(
  platform: ImagePlatform,
  inputs: readonly string[],
  { part, ...options }: OpenImagesOptions & { readonly part: Part },
): Promise<ImageSource> {
  const { openPart } = await import("./open-part.ts");
  const source = await openPart(platform, inputs, options.labelsFile, part, {
    pathsOf: (input) => pathsOfInput(platform.storageFor, input),
    openFolder: (path, entry) => openEntry(platform, path, entry, options),
    openFile: (path) => openInputs(platform, [path], options),
    listFiles: fileList,
    signal: options.signal,
  });
  if (!source) throw nothingFound(inputs);
  return shown(source);
}

/** The inputs one by one, but for image files that follow each other: a table names all of them or none. */
function inputsApart(inputs: readonly string[]): readonly (readonly string[])[] {
  const parts: string[][] = [];
  for (const [index, input] of inputs.entries()) {
    const isNext =
      index > 0 && [input, inputs[index - 1]!].every((one) => kindOf(one) === "image" && isImagePath(one));
    if (isNext) parts.at(-1)!.push(input);
    else parts.push([input]);
  }
  return parts;
}

// What reads tables is loaded when the first is opened.
const labelsTable = () => import("../labels-table/match-labels.ts");

/** The same images with the labels of a table, if there is one. @throws DataError `data/labels-table` */
export async function labelledByTable(
  { storageFor }: Pick<ImagePlatform, "storageFor">,
  images: ImageSource,
  { labelsFile, imageColumn, labelColumn, signal }: OpenImagesOptions,
): Promise<ImageSource> {
  if (labelsFile === undefined) return images;
  const { withLabelsOf } = await labelsTable();
  const part = { open: () => Promise.resolve(images) };
  return withLabelsOf(storageFor, [part], { labelsFile, imageColumn, labelColumn, signal });
}

async function openInputs(
  platform: ImagePlatform,
  inputs: readonly string[],
  options: OpenImagesOptions,
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
      sources.push(await standardInput(platform, options));
      continue;
    }
    for (const { path, entry: known } of await pathsOfInput(platform.storageFor, input)) {
      const isImage = kindOf(path) === "image";
      const entry = known ?? (await existing(platform.storageFor(path), path).catch(asMissing));
      const isMissing = "missing" in entry;
      // Consecutive files make one source: a shell may hand over a hundred thousand.
      if (isImage && (isMissing || entry.kind === "file")) {
        files.push(path);
        if (isMissing) missing.push(entry.missing);
        continue;
      }
      flush();
      if (isMissing) throw entry.missing;
      sources.push(await openEntry(platform, path, entry, options));
    }
  }
  flush();

  const all = concatSources(sources);
  // A mistyped path is told before a model is loaded for it.
  if (missing.length > 0 && missing.length === all.size) throw missing[0];
  if (all.size === 0) throw nothingFound(inputs, all.leftOut);
  const classes = sources.some((source) => source.classes === undefined && source.size === undefined)
    ? undefined
    : all.classes;
  const { size, splits, leftOut } = all;
  return shown({ classes, size, splits, leftOut, [Symbol.asyncIterator]: () => atLeastOne(all, inputs) });
}

const kindOf = (path: string): ReturnType<typeof pathKind> => pathKind(baseName(path));

const asMissing = (missing: Error): { readonly missing: Error } => ({ missing });

async function openEntry(
  platform: ImagePlatform,
  path: string,
  entry: Entry,
  options: OpenImagesOptions,
): Promise<ImageSource> {
  if (entry.kind === "folder") return (await folders()).openImageFolder(platform, path, options);
  const kind = kindOf(path);
  if (kind === "image") return fileList([path]);
  if (kind === "unsupported-archive") {
    throw new DataError(
      "data/archive",
      `${path}: archives of this kind are not read. Unpack it, or pack it again as .tar, .tar.gz or .parquet.`,
    );
  }
  return openArchive[kind](platform, path, options);
}

// Loaded when the first is opened: a page that classifies single images opens none.
const folders = () => import("./image-folder.ts");
const tars = () => import("../tar/open-tar.ts");
const streams = () => import("./stream-source.ts");

const openArchive = {
  tar: async (...given) => (await tars()).openTar(...given),
  "tar-gzip": async (...given) => (await tars()).openGzippedTar(...given),
  parquet: openParquet,
} satisfies Record<
  string,
  (platform: ImagePlatform, path: string, options: OpenImagesOptions) => Promise<ImageSource>
>;

async function standardInput(platform: ImagePlatform, options: OpenImagesOptions): Promise<ImageSource> {
  const { stdin = platform.stdin?.() } = options;
  if (!stdin) {
    throw new DataError("data/stdin", 'there is no standard input here: "-" reads what `stdin` hands over.');
  }
  // Of a long list, one image that is missing must not end the run: reading it fails on its own.
  const openListed = async (path: string): Promise<ImageSource> =>
    isImagePath(baseName(path))
      ? fileList([path])
      : openEntry(platform, path, await existing(platform.storageFor(path), path), {
          ...options,
          scan: false,
        });
  return (await streams()).streamSource(stdin, platform.gunzip, openListed, options);
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

/** With names that are text: what is no UTF-8 in those of files stays in their paths alone. */
function shown(source: ImageSource): ImageSource {
  const { classes, splits } = source;
  return {
    ...source,
    classes: classes?.map(shownName),
    splits: splits && {
      ...splits,
      training: shown(splits.training),
      validation: splits.validation && shown(splits.validation),
    },
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      for await (const item of source) {
        const id = shownName(item.id);
        const { label } = item;
        yield id === item.id
          ? item
          : { ...item, id, ...(label === undefined ? {} : { label: shownName(label) }) };
      }
    },
  };
}

function nothingFound(inputs: readonly string[], leftOut: ImageSource["leftOut"] = []): DataError {
  const others = leftOut.map(({ ending, files }) => `${files} ${ending}`).join(", ");
  const found = leftOut[0] ? ` Found ${others}, which are not read: ${remedyFor(leftOut[0].ending)}.` : "";
  return new DataError(
    "data/no-images",
    `no images in ${inputs.join(", ") || "an empty list of inputs"}: looked for ${imageExtensions.join(" ")}, hidden files left out. A folder of archives is given as "folder/*.tar" or "folder/*.parquet".${found}`,
  );
}

/**
 * The paths that an input names: itself when it exists, else its braces expanded and its wildcards matched.
 *
 * Each alternative of the braces has to exist, so that a missing shard does not go unnoticed.
 *
 * @throws DataError `data/no-match` when a wildcard matches nothing, `data/scheme` for a URL that no storage knows
 */
async function pathsOfInput(storageFor: StorageFor, input: string): Promise<readonly InputPath[]> {
  const itself = await seenAt(storageFor(input), input);
  if (itself) return [{ path: input, entry: itself }];
  // Most inputs are plain names: the libraries for patterns are loaded for others.
  if (!/[*?!{}()[\]]/.test(input)) return [{ path: input, entry: undefined }];
  return (await import("./wildcards.ts")).pathsOfPattern(storageFor, input);
}

/** The paths that several inputs name, in their order. @throws as `pathsOfInput` does */
export async function pathsOfInputs(
  storageFor: StorageFor,
  inputs: readonly string[],
): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const input of inputs) for (const { path } of await pathsOfInput(storageFor, input)) paths.push(path);
  return paths;
}
