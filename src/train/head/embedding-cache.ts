import { hexOf, tensor, WeightsError, type StateDict, type TensorSource } from "../../core/index.ts";
import { writeBytes, type Storage } from "../../core/storage/index.ts";
import type { DecodeChoice } from "../../image/index.ts";
import { family, hashedConfig } from "../../nn/index.ts";
import type { EmbedOptions, ModelPlatform, ModelSource } from "../../predict/index.ts";
import type { Device, Engine, FloatPrecision } from "../../runtime/index.ts";
import { inCache } from "../../weights/hub/index.ts";
import { encodeSafetensors, hashWeights, openCheckpoint } from "../../weights/index.ts";

/** What a cache needs of its platform. */
type CachePlatform = Pick<ModelPlatform, "storageFor" | "sha256">;

/** Embeddings that were computed before, by the SHA-256 of the encoded image in hexadecimal. */
export interface EmbeddingCache {
  find(hash: string): Promise<Float32Array<ArrayBuffer> | undefined>;
  /** Writes to disk now and then. */
  add(hash: string, embedding: Float32Array<ArrayBuffer>): Promise<void>;
  /** Writes what was added since. */
  flush(): Promise<void>;
}

/** Embeddings of one file: 4 MB of the card's models, some seconds of work. */
const rowsOfPart = 512;
const bytesOfHash = 32;
/** Files whose embeddings are in memory, the latest: 16 MB of the card's models. */
const mostOpen = 4;

interface Place {
  readonly file: string;
  readonly row: number;
}

/**
 * Opens the embeddings of one model in a folder, which is made when it is first written to.
 *
 * Each file holds some images and their embeddings and appears complete or not at all, so that a run that is killed
 * keeps what it had written, and runs at the same time do not disturb each other. A file that is damaged is left out.
 *
 * @param length Numbers of one embedding.
 * @throws WeightsError `weights/cache-full`, `weights/cache-unwritable`, when it is opened and when it is written to
 */
export async function openEmbeddingCache(
  platform: CachePlatform,
  folder: string,
  length: number,
): Promise<EmbeddingCache> {
  const storage = platform.storageFor(folder);
  const places = new Map<string, Place>();
  let added = new Map<string, Float32Array<ArrayBuffer>>();
  // Images come in the order of runs before: a few files, one of each run, serve hundreds of them in a row.
  const open = new Map<string, Promise<Float32Array<ArrayBuffer>>>();

  await inCache(folder, async () => {
    for (const file of await filesIn(storage, folder)) {
      for (const [row, hash] of (await hashesIn(storage, storage.join(folder, file), length)).entries()) {
        places.set(hash, { file, row });
      }
    }
  });
  const flush = async (): Promise<void> => {
    if (added.size === 0) return;
    const rows = added;
    added = new Map();
    await writePart(platform, folder, rows, length);
  };
  return {
    async find(hash) {
      const place = places.get(hash);
      if (!place) return added.get(hash);
      const reading =
        open.get(place.file) ?? readTensor(storage, storage.join(folder, place.file), "embeddings");
      open.delete(place.file);
      open.set(place.file, reading);
      for (const file of open.keys()) if (open.size > mostOpen) open.delete(file);
      return (await reading).slice(place.row * length, (place.row + 1) * length);
    },
    async add(hash, embedding) {
      added.set(hash, embedding);
      if (added.size >= rowsOfPart) await flush();
    },
    flush,
  };
}

async function filesIn(storage: Storage, folder: string): Promise<readonly string[]> {
  if (!(await storage.stat(folder))) return [];
  const names: string[] = [];
  for await (const { name } of storage.list(folder)) if (name.endsWith(".safetensors")) names.push(name);
  return names.sort();
}

/** Hashes of a file's images in their order; none when the file is not as it should be. */
async function hashesIn(storage: Storage, path: string, length: number): Promise<readonly string[]> {
  try {
    return await withTensors(storage, path, async (tensors) => {
      const { dims: [rows = 0, width] = [] } = tensors.get("embeddings") ?? {};
      const hashes = await tensors.get("hashes")?.load();
      if (width !== length || hashes?.dtype !== "uint8" || hashes.data.length !== rows * bytesOfHash)
        return [];
      const bytes = hashes.data as Uint8Array;
      return Array.from({ length: rows }, (_, row) =>
        hexOf(bytes.subarray(row * bytesOfHash, (row + 1) * bytesOfHash)),
      );
    });
  } catch (error) {
    if (error instanceof WeightsError) return [];
    throw error;
  }
}

function readTensor(storage: Storage, path: string, name: string): Promise<Float32Array<ArrayBuffer>> {
  return withTensors(storage, path, async (tensors) => {
    const { data } = await tensors.get(name)!.load();
    return data as Float32Array<ArrayBuffer>;
  });
}

async function withTensors<T>(
  storage: Storage,
  path: string,
  use: (tensors: StateDict) => Promise<T>,
): Promise<T> {
  await using source = await storage.open(path);
  // Awaited here: the file has to stay open meanwhile.
  return await use((await openCheckpoint(source)).tensors);
}

async function writePart(
  { storageFor, sha256 }: CachePlatform,
  folder: string,
  rows: ReadonlyMap<string, Float32Array<ArrayBuffer>>,
  length: number,
): Promise<void> {
  const hashes = new Uint8Array(rows.size * bytesOfHash);
  const embeddings = new Float32Array(rows.size * length);
  for (const [row, [hash, embedding]] of [...rows].entries()) {
    hashes.set(fromHex(hash), row * bytesOfHash);
    embeddings.set(embedding, row * length);
  }
  const { chunks } = encodeSafetensors(
    new Map<string, TensorSource>([
      ["hashes", tensor("uint8", [rows.size, bytesOfHash], hashes)],
      ["embeddings", tensor("float32", [rows.size, length], embeddings)],
    ]),
  );
  const digest = sha256();
  digest.update(hashes);
  const name = `${(await digest.hex()).slice(0, 16)}.safetensors`;
  const storage = storageFor(folder);
  await inCache(folder, async () => {
    await storage.makeFolder(folder);
    await writeBytes(storage, storage.join(folder, name), chunks);
  });
}

const fromHex = (text: string): Uint8Array =>
  Uint8Array.from({ length: text.length / 2 }, (_, index) =>
    Number.parseInt(text.slice(2 * index, 2 * index + 2), 16),
  );

/** What embeddings depend on besides the image. */
interface EmbeddingSettings extends Pick<EmbedOptions, "mirror"> {
  readonly decode?: DecodeChoice | undefined;
  /** What computes them. */
  readonly engine: Engine;
  readonly device?: Device | undefined;
  readonly precision?: FloatPrecision | undefined;
}

/** Where the embeddings of a model are kept below the folder that was chosen, or that of the weights. */
export async function embeddingFolder(
  platform: ModelPlatform,
  source: ModelSource,
  settings: EmbeddingSettings,
  chosen: string | undefined,
): Promise<string> {
  const cache = platform.cacheFolder();
  const folder = chosen ?? platform.storageFor(cache).join(cache, "embeddings");
  return platform.storageFor(folder).join(folder, await embeddingKey(platform, source, settings));
}

/** Changes when embeddings are computed in another way. */
const version = 1;

/**
 * SHA-256 of everything but the image that an embedding depends on: the weights before the classifier, the shape of
 * the network, the transform of the images, the engine, its device and precision, and whether the mirror is in it.
 */
async function embeddingKey(
  { sha256 }: ModelPlatform,
  source: ModelSource,
  { decode = {}, engine, device = "cpu", precision = "fp32", mirror = "ignored" }: EmbeddingSettings,
): Promise<string> {
  const { config, preprocessing } = source.description;
  const hash = sha256();
  // The classifier is none of an embedding's business.
  const network = hashedConfig({ ...config, numClasses: 0 });
  const classifier = new Set(Object.values(family.classifier));
  // In the order of earlier versions, whose embeddings stay known.
  const { exifOrientation, ...transform } = preprocessing;
  const read = exifOrientation ? { exifOrientation, ...decode } : decode;
  const place = engine === "onnxruntime" ? device : `${engine} ${device}`;
  const on = precision === "fp32" ? place : `${place} ${precision}`;
  const settings = [version, network, transform, read, on, mirror];
  hash.update(new TextEncoder().encode(JSON.stringify(settings)));
  await source.withWeights((weights) =>
    hashWeights(hash, new Map([...weights].filter(([name]) => !classifier.has(name)))),
  );
  return hash.hex();
}
