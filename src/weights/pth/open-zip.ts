import type { ByteSource } from "../../core/index.ts";
import type { Checkpoint, OpenCheckpointOptions } from "../checkpoint.ts";
import { readPickle } from "../pickle/index.ts";
import { readRange, refuse } from "../refuse.ts";
import { storageBytes, storageLoader, type DeclaredStorage } from "./storages.ts";
import { maximumPickleBytes, tensorsOf } from "./tensors-of.ts";
import { readZipDirectory, storedOffset, type StoredEntry } from "./zip-directory.ts";

/**
 * Opens what `torch.save` writes since 1.6: an uncompressed zip with one folder of any name, in it `data.pkl`,
 * `data/<storage key>` and, since 2.0, `byteorder`.
 */
export async function openZipPth(source: ByteSource, options: OpenCheckpointOptions): Promise<Checkpoint> {
  const entries = await readZipDirectory(source);
  const folder = folderOf(source.name, entries);
  await refuseBigEndian(source, entries.get(`${folder}byteorder`));

  const bytes = await readEntry(source, entries.get(`${folder}data.pkl`)!, maximumPickleBytes);
  const declared = new Map<string, DeclaredStorage>();
  const { value } = readPickle(source.name, bytes, 0, storageLoader(declared));

  const offsets = new Map<string, number>();
  for (const [key, storage] of declared) {
    const entry = entries.get(`${folder}data/${key}`);
    if (entry?.size !== storageBytes(storage)) {
      throw refuse(
        source.name,
        "invalid-tensor",
        `storage "${key}" should take ${storageBytes(storage)} bytes, the archive has ${entry?.size ?? "no"} for it.`,
      );
    }
    offsets.set(key, await storedOffset(source, entry));
  }
  return { format: "pth-zip", ...tensorsOf(source, value, offsets, options) };
}

function folderOf(file: string, entries: ReadonlyMap<string, StoredEntry>): string {
  const pickles = [...entries.keys()].filter((name) => /^(?:[^/]+\/)?data\.pkl$/.test(name));
  const folder = pickles[0]?.slice(0, -"data.pkl".length);
  if (folder === undefined || pickles.length > 1) {
    throw refuse(
      file,
      "unknown-format",
      `expected a zip of torch.save with one data.pkl, found ${pickles.length} among ${entries.size} entries.`,
    );
  }
  if (entries.has(`${folder}constants.pkl`)) {
    throw refuse(
      file,
      "unknown-format",
      "is a TorchScript program. Save weights with torch.save(torch.jit.load(path).state_dict(), path).",
    );
  }
  return folder;
}

async function refuseBigEndian(source: ByteSource, entry: StoredEntry | undefined): Promise<void> {
  if (entry === undefined) return;
  const order = new TextDecoder().decode(await readEntry(source, entry, 16));
  if (order === "little") return;
  throw refuse(
    source.name,
    "big-endian",
    `byte order "${order}"; only little-endian files are read: save it again on a little-endian machine.`,
  );
}

async function readEntry(source: ByteSource, entry: StoredEntry, limit: number): Promise<Uint8Array> {
  if (entry.size > limit) {
    throw refuse(
      source.name,
      "pickle-too-large",
      `${entry.name} takes ${entry.size} bytes, ${limit} at most are read.`,
    );
  }
  return readRange(source, await storedOffset(source, entry), entry.size, entry.name);
}
