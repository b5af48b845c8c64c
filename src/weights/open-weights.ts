import { DataError, type StateDict } from "../core/index.ts";
import { baseName, readText, type OpenFile, type StorageFor } from "../core/storage/index.ts";
import { refuse, type Checkpoint, type OpenCheckpointOptions } from "./checkpoint.ts";
import { openCheckpoint } from "./open-checkpoint.ts";

/** Weights that stay open until they are disposed of, of one file or of all its shards. */
export interface OpenedWeights extends AsyncDisposable {
  readonly checkpoint: Checkpoint;
  /** Bytes of the file, or of all shards. */
  readonly size: number;
}

/** What a folder of a model holds, the best first: a run's best weights, or what the Hugging Face hub calls its files. */
const namesInFolder = [
  "best.safetensors",
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
  "model.onnx",
];

/**
 * The file of a model that a path means: of the folder of a run the best weights, of another one those by the hub's names.
 *
 * @throws DataError `data/not-found` for a folder without any
 */
export async function weightsFile(storageFor: StorageFor, path: string): Promise<string> {
  const storage = storageFor(path);
  if ((await storage.stat(path))?.kind !== "folder") return path;
  for (const name of namesInFolder) {
    const file = storage.join(path, name);
    if (await storage.stat(file)) return file;
  }
  throw new DataError(
    "data/not-found",
    `${path}: expected a file of weights, or the folder of a run, which has best.safetensors, or of a model with one of ` +
      `${namesInFolder.slice(1).join(", ")}; this folder has none.`,
  );
}

/** Whether a path is that of the list of shards that weights are split into. */
export const isShardIndex = (path: string): boolean => /\.index\.json$/i.test(path);

/**
 * Opens a `.pth` or `.safetensors` file, or the `.index.json` of weights that are split into shards, as `openCheckpoint` does.
 *
 * @param file As `weightsFile` gives it.
 * @throws WeightsError `weights/one-shard` for a shard without the others; DataError for a file that is not there
 */
export async function openWeights(
  storageFor: StorageFor,
  file: string,
  options: OpenCheckpointOptions = {},
): Promise<OpenedWeights> {
  const opened: OpenFile[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(opened.map((source) => source.close()));
  };
  const open = async (path: string): Promise<Checkpoint> => {
    const source = await storageFor(path).open(path, { whole: true });
    opened.push(source);
    return openCheckpoint(source, options);
  };
  try {
    if (!isShardIndex(file)) refuseShard(file);
    const checkpoint = isShardIndex(file) ? await openShards(storageFor, file, open) : await open(file);
    const size = opened.reduce((sum, source) => sum + source.size, 0);
    return { checkpoint, size, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function refuseShard(file: string): void {
  const name = baseName(file);
  const [, stem = "", shard, count, ending = ""] =
    /^(.*)-(\d{5})-of-(\d{5})(\.(?:safetensors|bin))$/.exec(name) ?? [];
  if (shard === undefined || Number(count) < 2) return;
  throw refuse(
    file,
    "one-shard",
    `is shard ${Number(shard)} of ${Number(count)}, which alone is no model: name the list of them, ` +
      `${stem}${ending}.index.json, or their folder.`,
  );
}

/** Longest list of shards that is read, in bytes. */
const longestIndex = 16 * 2 ** 20;

async function openShards(
  storageFor: StorageFor,
  file: string,
  open: (path: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const storage = storageFor(file);
  const folder = file.slice(0, file.length - baseName(file).length);
  const places = placesOf(file, await readIndex(storageFor, file));
  const shards = new Map<string, Checkpoint>();
  for (const shard of new Set(places.values())) {
    const path = folder === "" ? shard : storage.join(folder, shard);
    shards.set(shard, await open(path));
  }
  const tensors: StateDict = new Map(
    [...places].map(([name, shard]) => {
      const tensor = shards.get(shard)!.tensors.get(name);
      if (tensor) return [name, tensor];
      throw refuse(file, "invalid-index", `says that ${name} is in ${shard}, which does not have it.`);
    }),
  );
  return { ...[...shards.values()][0]!, tensors };
}

async function readIndex(storageFor: StorageFor, file: string): Promise<unknown> {
  const storage = storageFor(file);
  const size = (await storage.stat(file))?.size ?? 0;
  if (size > longestIndex)
    throw refuse(file, "invalid-index", `takes ${size} bytes; ${longestIndex} at most are read.`);
  try {
    return JSON.parse(await readText(storage, file));
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw refuse(file, "invalid-index", "is no JSON.", cause);
  }
}

/** The shard of each tensor. */
function placesOf(file: string, index: unknown): ReadonlyMap<string, string> {
  const map = (index as { readonly weight_map?: unknown } | null)?.weight_map;
  const entries = typeof map === "object" && map !== null ? Object.entries(map) : [];
  // A shard lies beside its list, and nowhere else.
  const isBeside = (name: unknown): name is string =>
    typeof name === "string" && /^[^/\\:]+$/.test(name) && !/^\.+$/.test(name);
  if (entries.length > 0 && entries.every(([, shard]) => isBeside(shard))) {
    return new Map(entries as [string, string][]);
  }
  throw refuse(
    file,
    "invalid-index",
    "expected weight_map, which names for each tensor a file beside this one.",
  );
}
