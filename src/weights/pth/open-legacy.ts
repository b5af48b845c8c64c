import { WeightsError, type ByteSource } from "../../core/index.ts";
import type { Checkpoint, OpenCheckpointOptions } from "../checkpoint.ts";
import { PickleDict, readPickle, typeName, type PickleValue } from "../pickle/index.ts";
import { readRange, refuse } from "../refuse.ts";
import { storageBytes, storageLoader, type DeclaredStorage, type DeclaredStorages } from "./storages.ts";
import { maximumPickleBytes, tensorsOf } from "./tensors-of.ts";

const magicNumber = 0x1950a86a20f9469cfc6cn;
const protocolVersion = 1001;

interface Head {
  readonly root: PickleValue;
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
  return { format: "pth-legacy", ...tensorsOf(source, head.root, offsets, options) };
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
  return { root: object.value, declared, keys: keys.value, end: keys.end };
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
