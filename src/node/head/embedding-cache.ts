import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { tensor, WeightsError, type StateDict, type TensorSource } from "../../core/index.ts";
import { encodeSafetensors, openCheckpoint } from "../../weights/index.ts";
import { explainCacheErrors } from "../cache-error.ts";
import { openFileSource } from "../file-source.ts";
import { isErrno } from "../is-errno.ts";
import { makeMissingFolders } from "../make-folder.ts";
import { writeFileAtomic } from "../write-file.ts";

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

interface Place {
  readonly file: string;
  readonly row: number;
}

/**
 * Opens the embeddings of one model in a folder, which is made when it is first written to.
 *
 * Each file holds some images and their embeddings and appears complete or not at all, so that a run that is killed
 * keeps what it had written, and runs at the same time do not disturb each other. A file that cannot be read is left
 * out.
 *
 * @param length Numbers of one embedding.
 */
export async function openEmbeddingCache(folder: string, length: number): Promise<EmbeddingCache> {
  const places = new Map<string, Place>();
  let added = new Map<string, Float32Array<ArrayBuffer>>();
  // Images come in the order of the run before: one file serves hundreds of them in a row.
  let open: { readonly file: string; readonly data: Float32Array<ArrayBuffer> } | undefined;

  for (const file of await filesIn(folder)) {
    for (const [row, hash] of (await hashesIn(join(folder, file), length)).entries()) {
      places.set(hash, { file, row });
    }
  }
  const flush = async (): Promise<void> => {
    if (added.size === 0) return;
    const rows = added;
    added = new Map();
    await writePart(folder, rows, length);
  };
  return {
    async find(hash) {
      const place = places.get(hash);
      if (!place) return added.get(hash);
      if (open?.file !== place.file) {
        open = { file: place.file, data: await readTensor(join(folder, place.file), "embeddings") };
      }
      return open.data.slice(place.row * length, (place.row + 1) * length);
    },
    async add(hash, embedding) {
      added.set(hash, embedding);
      if (added.size >= rowsOfPart) await flush();
    },
    flush,
  };
}

async function filesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith(".safetensors")).sort();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** Hashes of a file's images in their order; none when the file is not as it should be. */
async function hashesIn(path: string, length: number): Promise<readonly string[]> {
  try {
    return await withTensors(path, async (tensors) => {
      const { dims: [rows = 0, width] = [] } = tensors.get("embeddings") ?? {};
      const hashes = await tensors.get("hashes")?.load();
      if (width !== length || hashes?.dtype !== "uint8" || hashes.data.length !== rows * bytesOfHash)
        return [];
      const bytes = Buffer.from(hashes.data.buffer, hashes.data.byteOffset, hashes.data.byteLength);
      return Array.from({ length: rows }, (_, row) =>
        bytes.toString("hex", row * bytesOfHash, (row + 1) * bytesOfHash),
      );
    });
  } catch (error) {
    if (error instanceof WeightsError) return [];
    throw error;
  }
}

function readTensor(path: string, name: string): Promise<Float32Array<ArrayBuffer>> {
  return withTensors(path, async (tensors) => {
    const { data } = await tensors.get(name)!.load();
    return data as Float32Array<ArrayBuffer>;
  });
}

async function withTensors<T>(path: string, use: (tensors: StateDict) => Promise<T>): Promise<T> {
  await using source = await openFileSource(path);
  // Awaited here: the file has to stay open meanwhile.
  return await use((await openCheckpoint(source)).tensors);
}

async function writePart(
  folder: string,
  rows: ReadonlyMap<string, Float32Array<ArrayBuffer>>,
  length: number,
): Promise<void> {
  const hashes = new Uint8Array(rows.size * bytesOfHash);
  const embeddings = new Float32Array(rows.size * length);
  for (const [row, [hash, embedding]] of [...rows].entries()) {
    hashes.set(Buffer.from(hash, "hex"), row * bytesOfHash);
    embeddings.set(embedding, row * length);
  }
  const { chunks } = encodeSafetensors(
    new Map<string, TensorSource>([
      ["hashes", tensor("uint8", [rows.size, bytesOfHash], hashes)],
      ["embeddings", tensor("float32", [rows.size, length], embeddings)],
    ]),
  );
  const name = createHash("sha256").update(hashes).digest("hex").slice(0, 16);
  await explainCacheErrors(folder)(async () => {
    await makeMissingFolders(folder);
    await writeFileAtomic(join(folder, `${name}.safetensors`), chunks);
  });
}
