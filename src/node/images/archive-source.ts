import { createReadStream } from "node:fs";
import {
  classCollector,
  parquetImages,
  sortNaturally,
  tarImages,
  tarStreamImages,
  type ImageItem,
  type ImageSource,
  type TarImagesOptions,
} from "../../data/index.ts";
import { openFileSource } from "../file-source.ts";
import { statPath } from "../stat-path.ts";
import { gunzipped } from "./gunzipped.ts";
import type { OpenImagesOptions } from "./options.ts";

type Walk = (options: TarImagesOptions) => AsyncGenerator<ImageItem>;

/** The images of a `.tar`, each located by its offset. */
export function openTar(path: string, options: OpenImagesOptions): Promise<ImageSource> {
  return openWalk(options, async function* (walkOptions) {
    await using file = await openFileSource(path);
    yield* tarImages(file, walkOptions);
  });
}

/** The images of a `.tar.gz`, each with its bytes, decompressed anew for every walk. */
export function openGzippedTar(path: string, options: OpenImagesOptions): Promise<ImageSource> {
  return openWalk(options, async function* (walkOptions) {
    // A stream's own error for a missing file arrives late and wrapped; stat's is plain.
    await statPath(path);
    yield* tarStreamImages(path, gunzipped(path, createReadStream(path)), walkOptions);
  });
}

async function openWalk(options: OpenImagesOptions, walk: Walk): Promise<ImageSource> {
  const { signal } = options;
  const iterate = (): AsyncGenerator<ImageItem> => walk({ signal });
  if (options.scan === false) return { classes: undefined, size: undefined, [Symbol.asyncIterator]: iterate };
  const collector = classCollector();
  let size = 0;
  for await (const item of walk({
    signal,
    onFolder: (path, holdsImages) => collector.folder(path, holdsImages),
  })) {
    size++;
    if (item.label !== undefined) collector.label(item.label);
  }
  const classes = collector.classes();
  return {
    classes: classes.length > 0 ? sortNaturally(classes) : undefined,
    size,
    [Symbol.asyncIterator]: iterate,
  };
}

/** The images of a Parquet table, each with its bytes. */
export async function openParquet(path: string, options: OpenImagesOptions): Promise<ImageSource> {
  const { imageColumn, labelColumn, signal, scan = true } = options;
  const choice = { imageColumn, labelColumn, signal };
  await using file = await openFileSource(path);
  const { classes, size } = await parquetImages(file, { ...choice, scanLabels: scan });
  return {
    classes,
    size,
    async *[Symbol.asyncIterator]() {
      await using reopened = await openFileSource(path);
      yield* await parquetImages(reopened, choice);
    },
  };
}
