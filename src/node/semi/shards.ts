import { DataError, UsageError } from "../../core/index.ts";
import { pathKind, pathsOfInputs, type ImageItem, type ImageSource } from "../../data/index.ts";
import type { ScoreFacts, SelectionRow } from "../../semi/index.ts";
import { baseName, existing } from "../../storage/index.ts";
import { nodeStorageFor } from "../files/file-storage.ts";
import { openImages } from "../library.ts";
import { itemProgress, type ShardsEvent } from "./events.ts";
import type { Fingerprints } from "./fingerprints.ts";

/** Images that are scored together: an archive, a table, or a part of a folder. */
export interface Shard {
  /** Name of its score file: number, and the name of the input. */
  readonly name: string;
  readonly path: string;
  readonly sha256: string;
  /** First position in the path, and the one after the last. */
  readonly from: number;
  readonly to: number;
}

/**
 * The shards of unlabelled data, in the order of the inputs.
 *
 * @param shardImages Images of a part, where a folder is scored in parts.
 * @throws UsageError `semi/settings` without inputs and for image files; DataError for what cannot be read.
 */
export async function listShards(
  inputs: readonly string[],
  shardImages: number,
  fingerprints: Fingerprints,
  signal?: AbortSignal,
): Promise<readonly Shard[]> {
  if (inputs.length === 0) {
    throw new UsageError(
      "semi/settings",
      "Say where the images without labels are (unlabelled, --unlabelled): folders, shards or globs of them.",
    );
  }
  const shards: Shard[] = [];
  for (const path of await pathsOfInputs(nodeStorageFor, inputs)) {
    const isFolder = await isFolderAt(path);
    if (!isFolder && pathKind(baseName(path)) === "image") throw looseImage(path);
    const { sha256, images } = await fingerprints.images(path, signal);
    const part = isFolder ? shardImages : images;
    for (let from = 0; from < images; from += part) {
      const name = `${`${shards.length}`.padStart(6, "0")}-${baseName(path)}.parquet`;
      shards.push({ name, path, sha256, from, to: Math.min(from + part, images) });
    }
  }
  return shards;
}

/** Hashes the archives and tables among unlabelled data, which can take hours and is kept for `listShards`. */
export async function* hashShards(
  inputs: readonly string[],
  fingerprints: Fingerprints,
  signal?: AbortSignal,
): AsyncGenerator<ShardsEvent, void, undefined> {
  const paths = await pathsOfInputs(nodeStorageFor, inputs);
  const progress = itemProgress((done, shardsPerSecond): ShardsEvent => ({
    type: "shards",
    done,
    total: paths.length,
    shardsPerSecond,
  }));
  yield* progress.of(hashEach(paths, fingerprints, signal));
}

async function* hashEach(
  paths: readonly string[],
  fingerprints: Fingerprints,
  signal: AbortSignal | undefined,
): AsyncGenerator<void, void, undefined> {
  for (const path of paths) {
    const isHashed = pathKind(baseName(path)) !== "image" && !(await isFolderAt(path));
    if (isHashed) await fingerprints.images(path, signal);
    yield;
  }
}

const isFolderAt = async (path: string): Promise<boolean> =>
  (await existing(nodeStorageFor(path), path)).kind === "folder";

/** Where the images of a shard lie. */
type ShardPlace = Pick<Shard, "path" | "from" | "to">;

/** The images of a shard, each at its position; labels that they have are left out. */
export async function openShard(place: ShardPlace, signal?: AbortSignal): Promise<ImageSource> {
  return {
    classes: undefined,
    size: place.to - place.from,
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      for await (const { id, content } of imagesOf(place, signal)) yield { id, content };
    },
  };
}

/** An image and the label that it came with, which is no part of what a training or a teacher is handed. */
export interface ImageWithTruth extends Omit<ImageItem, "label"> {
  readonly truth: string | undefined;
}

/** The images of a shard with what they truly show, as far as the data say so: for reports only. */
export async function* shardTruth(place: ShardPlace, signal?: AbortSignal): AsyncGenerator<ImageWithTruth> {
  for await (const { id, content, label } of imagesOf(place, signal)) yield { id, content, truth: label };
}

async function* imagesOf(
  { path, from, to }: ShardPlace,
  signal: AbortSignal | undefined,
): AsyncGenerator<ImageItem> {
  let position = 0;
  for await (const image of await openImages([path], { scan: false, signal })) {
    if (position >= to) return;
    if (position++ >= from) yield image;
  }
}

function looseImage(path: string): UsageError {
  return new UsageError(
    "semi/settings",
    `${path}: expected folders, archives or tables of unlabelled images, received an image. Name the folder that it is in.`,
  );
}

/** A row of a selection and its image. */
interface RowImage<Image> {
  readonly row: SelectionRow;
  readonly image: Image;
}

/**
 * Finds the images of rows by walking rows and shards side by side: both are sorted by shard and position.
 *
 * @param shards What the score files say, in the order of the rows' shards.
 * @param open Gives the images of a shard, from its first position on.
 * @throws DataError `semi/shard-changed` when another image stands where a row's was scored.
 */
export async function* imagesOfRows<Image extends { readonly id: string }>(
  rows: AsyncIterable<SelectionRow> | Iterable<SelectionRow>,
  shards: readonly ScoreFacts[],
  open: (facts: ScoreFacts) => Promise<AsyncIterable<Image>>,
): AsyncGenerator<RowImage<Image>, void, undefined> {
  let opened = -1;
  let images: AsyncIterator<Image> | undefined;
  let position = 0;
  let image: Image | undefined;
  try {
    for await (const row of rows) {
      const facts = shards[row.shard]!;
      if (row.shard !== opened) {
        await images?.return?.();
        opened = row.shard;
        images = (await open(facts))[Symbol.asyncIterator]();
        position = facts.shard.from - 1;
      }
      while (position < row.position) {
        const next: IteratorResult<Image> = await images!.next();
        image = next.done ? undefined : next.value;
        position++;
      }
      if (image?.id !== row.image_id) throw changed(facts, row, image?.id);
      yield { row, image };
    }
  } finally {
    await images?.return?.();
  }
}

function changed({ shard }: ScoreFacts, row: SelectionRow, found = "nothing"): DataError {
  return new DataError(
    "semi/shard-changed",
    `${shard.path}: expected ${row.image_id} at position ${row.position}, as it was scored; ${found} is there. The images have changed: score them anew.`,
  );
}
