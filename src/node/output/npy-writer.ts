import { DataError } from "../../core/index.ts";
import { nodeStorageFor } from "../files/file-storage.ts";
import { openAtomicFile } from "../files/file-system.ts";
import { fileSink } from "./byte-sink.ts";
import { csvEncoder } from "./text-encoders.ts";

/** Takes arrays one by one. */
export interface ArrayWriter {
  /** Adds the array of an image. @throws DataError when its shape is not that of the others, or the disk is full */
  write(
    name: string,
    array: { readonly dims: readonly number[]; readonly data: Float32Array },
  ): Promise<void>;
  /** Completes both files, which appear now. */
  close(): Promise<void>;
  /** Gives them up; earlier files stay as they were. */
  abort(): Promise<void>;
}

/** Bytes before the numbers: magic, version, and the description, which gets its count at the end. */
const headerBytes = 128;

/** Where the names of the images stand whose arrays a file holds: `x.images.csv` beside `x.npy`. */
export const namesBeside = (path: string): string => `${path.replace(/\.npy$/i, "")}.images.csv`;

/** The path of such a file. @throws DataError `data/read-only` for one that is not on a disk */
export function npyOnDisk(uri: string): string {
  const path = nodeStorageFor(uri).path(uri);
  if (path === undefined) throw notOnDisk(uri);
  return path;
}

const notOnDisk = (uri: string): DataError =>
  new DataError(
    "data/read-only",
    `${uri}: the length of a .npy file is written at its beginning in the end, which is for files on disk only. Write .parquet there, or to the disk.`,
  );

/**
 * A file of NumPy's (format 1.0, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): float32 of shape [n, …],
 * row i being the array of the image in row i of the CSV beside it, {@link namesBeside}.
 *
 * @param dims Shape of an array where no image comes that has one.
 * @throws DataError when a file cannot be created.
 */
export async function openNpyWriter(path: string, dims: readonly number[]): Promise<ArrayWriter> {
  const file = await openAtomicFile(npyOnDisk(path), path);
  const { overwrite } = file;
  if (!overwrite) {
    await file.abort();
    throw notOnDisk(path);
  }
  const sink = await fileSink(namesBeside(path)).catch(async (error: unknown) => {
    await file.abort();
    throw error;
  });
  const names = csvEncoder(sink, ["image"]);
  let shape: readonly number[] | undefined;
  let count = 0;

  const abort = async (): Promise<void> => {
    await sink.abort();
    await file.abort();
  };
  await file.write(new Uint8Array(headerBytes));
  return {
    async write(name, array) {
      shape ??= array.dims;
      if (array.dims.join() !== shape.join()) {
        throw new DataError(
          "data/columns",
          `${path}: ${name} has an array of ${array.dims.join("x")}, the others have ${shape.join("x")}, and one array of NumPy's cannot hold both; take jsonl or parquet.`,
        );
      }
      await file.write(new Uint8Array(array.data.buffer, array.data.byteOffset, array.data.byteLength));
      await names.write({ image: name });
      count++;
    },
    async close() {
      try {
        await overwrite(0, header([count, ...(shape ?? dims)]));
        await names.end();
      } catch (error) {
        await abort();
        throw error;
      }
      await sink.close();
      await file.commit();
    },
    abort,
  };
}

function header(shape: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(headerBytes).fill(0x20);
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.map((length) => `${length}, `).join("")})}`;
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, headerBytes - 10, 0]);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes[headerBytes - 1] = 0x0a;
  return bytes;
}
