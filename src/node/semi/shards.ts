import { basename } from "node:path";
import { stat } from "node:fs/promises";
import { UsageError } from "../../core/index.ts";
import { pathKind, type ImageItem, type ImageSource } from "../../data/index.ts";
import { fileError } from "../file-error.ts";
import { openImages } from "../images/index.ts";
import { inputPaths } from "../images/input-paths.ts";
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
  for (const input of inputs) {
    for (const path of await inputPaths(input)) {
      const isFolder = await isDirectory(path);
      if (!isFolder && pathKind(path) === "image") throw looseImage(path);
      const { sha256, images } = await fingerprints.images(path, signal);
      const part = isFolder ? shardImages : images;
      for (let from = 0; from < images; from += part) {
        const name = `${`${shards.length}`.padStart(6, "0")}-${basename(path)}.parquet`;
        shards.push({ name, path, sha256, from, to: Math.min(from + part, images) });
      }
    }
  }
  return shards;
}

/** The images of a shard, each at its position. */
export async function openShard(
  { path, from, to }: Omit<Shard, "name">,
  signal?: AbortSignal,
): Promise<ImageSource> {
  const source = await openImages([path], { scan: false, signal });
  return {
    classes: undefined,
    size: to - from,
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      let position = 0;
      for await (const { id, content } of source) {
        if (position >= to) return;
        if (position++ >= from) yield { id, content };
      }
    },
  };
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw fileError(path, cause);
  }
}

function looseImage(path: string): UsageError {
  return new UsageError(
    "semi/settings",
    `${path}: expected folders, archives or tables of unlabelled images, received an image. Name the folder that it is in.`,
  );
}
