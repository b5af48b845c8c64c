import { basename } from "node:path";
import { UsageError } from "../../core/index.ts";
import { pathKind, type ImageItem, type ImageSource } from "../../data/index.ts";
import { openImages } from "../images/index.ts";
import { allPaths } from "../images/input-paths.ts";
import { statPath } from "../stat-path.ts";
import type { ShardsEvent } from "./events.ts";
import type { Fingerprints } from "./fingerprints.ts";
import { itemProgress } from "./item-progress.ts";

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
  for (const path of await allPaths(inputs)) {
    const isFolder = (await statPath(path)).isDirectory();
    if (!isFolder && pathKind(path) === "image") throw looseImage(path);
    const { sha256, images } = await fingerprints.images(path, signal);
    const part = isFolder ? shardImages : images;
    for (let from = 0; from < images; from += part) {
      const name = `${`${shards.length}`.padStart(6, "0")}-${basename(path)}.parquet`;
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
  const paths = await allPaths(inputs);
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
    const isHashed = pathKind(path) !== "image" && !(await statPath(path)).isDirectory();
    if (isHashed) await fingerprints.images(path, signal);
    yield;
  }
}

/** Where the images of a shard lie. */
export type ShardPlace = Pick<Shard, "path" | "from" | "to">;

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
