import { DataError, UsageError } from "../../core/index.ts";
import { baseName } from "../../core/storage/index.ts";
import {
  openImages,
  pathKind,
  pathsOfInputs,
  type ImageItem,
  type ImageSource,
  type Part,
} from "../../data/index.ts";
import type { SemiContext } from "../context.ts";
import { itemProgress, type ShardsEvent } from "../events.ts";
import { isFolder } from "../fingerprints.ts";
import type { SemiPlatform } from "../platform.ts";
import type { ScoreFacts, SelectionRow } from "../tables.ts";

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

/** What shards are found with. */
type ShardContext = Pick<SemiContext, "platform" | "fingerprints" | "signal"> & {
  readonly settings: Pick<SemiContext["settings"], "unlabelled" | "shardImages">;
};

/** A shard that nobody may have looked into yet: of an archive or a table only the path is known. */
export type ListedShard = Shard | Pick<Shard, "name" | "path">;

/**
 * The shards of the unlabelled data, in the order of the inputs; a folder is scored in parts.
 *
 * @param part Gives every `count`th of them, and does not look into the archives of others.
 * @throws UsageError `semi/settings` without inputs and for image files; DataError for what cannot be read.
 */
export async function listShards(context: ShardContext, part?: Part): Promise<readonly Shard[]> {
  const shards: Shard[] = [];
  let number = 0;
  const isOurs = (): boolean => part === undefined || number % part.count === part.index - 1;
  for await (const { path, inFolder } of shardPaths(context)) {
    if (!inFolder && !isOurs()) {
      number++;
      continue;
    }
    for (const shard of await shardsAt(context, path, inFolder, number)) {
      if (isOurs()) shards.push(shard);
      number++;
    }
  }
  return shards;
}

/**
 * The same shards for those who score them to look into: folders are listed, archives and tables are not read.
 *
 * @throws as {@link listShards}
 */
export async function listUnread(context: ShardContext): Promise<readonly ListedShard[]> {
  const shards: ListedShard[] = [];
  for await (const { path, inFolder } of shardPaths(context)) {
    if (inFolder) shards.push(...(await shardsAt(context, path, inFolder, shards.length)));
    else shards.push({ name: shardName(shards.length, path), path });
  }
  return shards;
}

/** Looks into a shard, unless somebody did. */
export async function readShard(
  { fingerprints, signal }: Pick<ShardContext, "fingerprints" | "signal">,
  shard: ListedShard,
): Promise<Shard> {
  if ("to" in shard) return shard;
  const { sha256, images } = await fingerprints.images(shard.path, signal);
  return { ...shard, sha256, from: 0, to: images };
}

/** Where shards lie. */
async function* shardPaths({
  platform,
  settings: { unlabelled },
}: ShardContext): AsyncGenerator<{ readonly path: string; readonly inFolder: boolean }> {
  if (unlabelled.length === 0) {
    throw new UsageError(
      "semi/settings",
      "Say where the images without labels are (unlabelled, --unlabelled): folders, shards or globs of them.",
    );
  }
  for (const path of await pathsOfInputs(platform.storageFor, unlabelled)) {
    const inFolder = await isFolder(platform, path);
    if (!inFolder && isImage(path)) throw looseImage(path);
    yield { path, inFolder };
  }
}

/** The shards at a path: parts of a folder, or an archive or a table; none without images. */
async function shardsAt(
  { settings: { shardImages }, fingerprints, signal }: ShardContext,
  path: string,
  inFolder: boolean,
  number: number,
): Promise<readonly Shard[]> {
  const { sha256, images } = await fingerprints.images(path, signal);
  const length = inFolder ? shardImages : images;
  const shards: Shard[] = [];
  for (let from = 0; from < images; from += length) {
    const name = shardName(number + shards.length, path);
    shards.push({ name, path, sha256, from, to: Math.min(from + length, images) });
  }
  return shards;
}

const shardName = (number: number, path: string): string =>
  `${`${number}`.padStart(6, "0")}-${baseName(path)}.parquet`;

/** How many images shards hold together. */
export const imagesIn = (shards: readonly Pick<Shard, "from" | "to">[]): number =>
  shards.reduce((sum, { from, to }) => sum + to - from, 0);

/** Hashes the archives and tables among unlabelled data, which can take hours and is kept for `listShards`. */
export async function* hashShards(context: ShardContext): AsyncGenerator<ShardsEvent, void, undefined> {
  const paths = await pathsOfInputs(context.platform.storageFor, context.settings.unlabelled);
  const progress = itemProgress((done, shardsPerSecond): ShardsEvent => ({
    type: "shards",
    done,
    total: paths.length,
    shardsPerSecond,
  }));
  yield* progress.of(hashEach(paths, context));
}

async function* hashEach(
  paths: readonly string[],
  { platform, fingerprints, signal }: ShardContext,
): AsyncGenerator<void, void, undefined> {
  for (const path of paths) {
    if (!isImage(path) && !(await isFolder(platform, path))) await fingerprints.images(path, signal);
    yield;
  }
}

const isImage = (path: string): boolean => pathKind(baseName(path)) === "image";

/** Where the images of a shard lie. */
type ShardPlace = Pick<Shard, "path" | "from" | "to">;

/** The images of a shard, each at its position; labels that they have are left out. */
export async function openShard(
  platform: SemiPlatform,
  place: ShardPlace,
  signal?: AbortSignal,
): Promise<ImageSource> {
  return {
    classes: undefined,
    size: place.to - place.from,
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      for await (const { id, content } of imagesOf(platform, place, false, signal)) yield { id, content };
    },
  };
}

/** An image and the label that it came with, which is no part of what a training or a teacher is handed. */
export interface ImageWithTruth extends Omit<ImageItem, "label"> {
  readonly truth: string | undefined;
}

/** The images of a shard with what they truly show, as far as the data say so: for reports only. */
export async function* shardTruth(
  platform: SemiPlatform,
  place: ShardPlace,
  signal?: AbortSignal,
): AsyncGenerator<ImageWithTruth> {
  for await (const { id, content, label } of imagesOf(platform, place, true, signal)) {
    yield { id, content, truth: label };
  }
}

async function* imagesOf(
  platform: SemiPlatform,
  { path, from, to }: ShardPlace,
  readLabels: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<ImageItem> {
  let position = 0;
  for await (const image of await openImages(platform, [path], { scan: false, readLabels, signal })) {
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
