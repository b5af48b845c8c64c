import { bytesPerElement, WeightsError, type ByteSource, type DType } from "../../core/index.ts";
import { readRange, refuse, type Checkpoint, type OpenCheckpointOptions } from "../checkpoint.ts";
import { notStorage, saveWeights } from "../pickle/globals.ts";
import type { PersistentLoad } from "../pickle/machine.ts";
import { readPickle } from "../pickle/read-pickle.ts";
import {
  PickleDict,
  PickleGlobal,
  PickleTuple,
  typeName,
  type CallContext,
  type PickleValue,
  type StorageReference,
} from "../pickle/values.ts";
import { lazyStateDict, maximumPickleBytes } from "./lazy-state-dict.ts";
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
  const { value, unknown } = readPickle(source.name, bytes, 0, storageLoader(declared));

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
  return { format: "pth-zip", ...lazyStateDict(source, value, offsets, options), unread: [...unknown] };
}

function folderOf(file: string, entries: ReadonlyMap<string, StoredEntry>): string {
  const names = [...entries.keys()];
  const has = (pattern: RegExp): boolean => names.some((name) => pattern.test(name));
  if (has(/^(?:[^/]+\/)?constants\.pkl$/)) {
    throw refuse(
      file,
      "unknown-format",
      `is a TorchScript program. ${saveWeights('torch.jit.load("model.pt")')}`,
    );
  }
  if (has(/^(?:[^/]+\/)?(?:models\/[^/]+|serialized_exported_program)\.json$/)) {
    throw refuse(
      file,
      "unknown-format",
      `is a program of torch.export. ${saveWeights('torch.export.load("model.pt2").module()')}`,
    );
  }
  const pickles = names.filter((name) => /^(?:[^/]+\/)?data\.pkl$/.test(name));
  const folder = pickles[0]?.slice(0, -"data.pkl".length);
  if (folder === undefined || pickles.length > 1) {
    throw refuse(
      file,
      "unknown-format",
      `expected a zip of torch.save with one data.pkl, found ${pickles.length} among ${entries.size} entries.`,
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

const magicNumber = 0x1950a86a20f9469cfc6cn;
const protocolVersion = 1001;

interface Head {
  readonly root: PickleValue;
  readonly unread: readonly string[];
  readonly declared: DeclaredStorages;
  readonly keys: PickleValue;
  readonly end: number;
}

/**
 * Opens what `torch.save` wrote before 1.6: the pickles of a magic number, a protocol version, the writer's
 * platform, the object and the list of storage keys; then for each key an int64 element count and the elements.
 */
export async function openLegacyPth(source: ByteSource, options: OpenCheckpointOptions): Promise<Checkpoint> {
  const head = await readHead(source);
  const offsets = await locateStorages(source, head);
  return {
    format: "pth-legacy",
    ...lazyStateDict(source, head.root, offsets, options),
    unread: head.unread,
  };
}

/** The pickles do not say how long they are: reads a window, and a larger one where they reach past its end. */
async function readHead(source: ByteSource): Promise<Head> {
  for (let window = 2 ** 18; ; window *= 8) {
    const length = Math.min(window, source.size, maximumPickleBytes);
    const bytes = await readRange(source, 0, length, "the pickle");
    try {
      return parseHead(source.name, bytes);
    } catch (error) {
      const cut = error instanceof WeightsError && error.code === "weights/truncated" && length < source.size;
      if (!cut) throw error;
      if (length === maximumPickleBytes) {
        throw refuse(
          source.name,
          "pickle-too-large",
          `its pickle takes more than ${maximumPickleBytes} bytes.`,
          error,
        );
      }
    }
  }
}

function parseHead(file: string, bytes: Uint8Array): Head {
  const magic = readPickle(file, bytes, 0);
  if (magic.value !== magicNumber) {
    throw refuse(file, "unknown-format", "is a pickle, but not one that torch.save wrote.");
  }
  const protocol = readPickle(file, bytes, magic.end);
  if (protocol.value !== protocolVersion) {
    throw refuse(
      file,
      "unknown-format",
      `protocol version ${nameOf(protocol.value)}; ${protocolVersion} is read.`,
    );
  }
  const platform = readPickle(file, bytes, protocol.end);
  if (!(platform.value instanceof PickleDict) || platform.value.entries.get("little_endian") !== true) {
    throw refuse(
      file,
      "big-endian",
      "was written on a big-endian machine; save it again on a little-endian one.",
    );
  }
  const declared = new Map<string, DeclaredStorage>();
  const object = readPickle(file, bytes, platform.end, storageLoader(declared));
  const keys = readPickle(file, bytes, object.end);
  return { root: object.value, unread: [...object.unknown], declared, keys: keys.value, end: keys.end };
}

/** A value in a message; containers only by their type, since they may be nested without end. */
function nameOf(value: PickleValue): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : typeName(value);
}

async function locateStorages(source: ByteSource, head: Head): Promise<ReadonlyMap<string, number>> {
  const offsets = new Map<string, number>();
  let position = head.end;
  if (!Array.isArray(head.keys)) throw refuse(source.name, "invalid-pickle", "has no list of storage keys.");
  for (const key of head.keys) {
    const storage = typeof key === "string" ? head.declared.get(key) : undefined;
    if (typeof key !== "string" || storage === undefined || offsets.has(key)) {
      throw refuse(source.name, "invalid-tensor", `lists storage ${nameOf(key)} twice or without use.`);
    }
    const prefix = await readRange(source, position, 8, `the length of storage "${key}"`);
    const count = new DataView(prefix.buffer, prefix.byteOffset).getBigInt64(0, true);
    if (count !== BigInt(storage.length)) {
      throw refuse(
        source.name,
        "invalid-tensor",
        `storage "${key}" has ${count} elements, expected ${storage.length}.`,
      );
    }
    const end = position + 8 + storageBytes(storage);
    if (end > source.size) {
      throw refuse(
        source.name,
        "truncated",
        `storage "${key}" ends at byte ${end}, but the file has ${source.size}; its download was cut short.`,
      );
    }
    offsets.set(key, position + 8);
    position = end;
  }
  return offsets;
}

/** A storage that the pickle speaks of. */
interface DeclaredStorage {
  readonly dtype: DType;
  readonly length: number;
}

/** Storages by key, filled while a pickle is read. */
type DeclaredStorages = ReadonlyMap<string, DeclaredStorage>;

function storageBytes({ dtype, length }: DeclaredStorage): number {
  return length * bytesPerElement(dtype);
}

const isCount = (value: PickleValue | undefined): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= 2 ** 48;

/**
 * Reads persistent ids, `("storage", type, key, location, element count)`. The legacy format adds a sixth item for
 * a view of that storage: None or `(view key, offset, length)`.
 */
function storageLoader(declared: Map<string, DeclaredStorage>): PersistentLoad {
  return (id, context) => {
    const [tag, type, key, , length, view] = id instanceof PickleTuple ? id.items : [];
    // A class whose source code the old format keeps beside it.
    if (tag === "module" && type instanceof PickleGlobal) return type;
    if (tag !== "storage" || !(type instanceof PickleGlobal) || typeof key !== "string" || !isCount(length)) {
      throw context.refuse(
        "invalid-pickle",
        "a persistent id that is not (storage, type, key, location, size).",
      );
    }
    if (type.storage === undefined) {
      throw context.refuse(...notStorage(type.name));
    }
    const { dtype } = type.storage;
    const known = declared.get(key);
    if (known !== undefined && (known.dtype !== dtype || known.length !== length)) {
      throw context.refuse(
        "invalid-tensor",
        `storage "${key}" is declared twice, with different types or sizes.`,
      );
    }
    declared.set(key, { dtype, length });
    return { kind: "storage", key, dtype, ...viewOf(view, length, context) };
  };
}

function viewOf(
  view: PickleValue | undefined,
  length: number,
  context: CallContext,
): Pick<StorageReference, "start" | "length"> {
  if (view === undefined || view === null) return { start: 0, length };
  const [, start, size] = view instanceof PickleTuple ? view.items : [];
  if (isCount(start) && isCount(size) && start + size <= length) return { start, length: size };
  throw context.refuse("invalid-tensor", `a view of a storage (${typeName(view)}) does not lie inside it.`);
}
