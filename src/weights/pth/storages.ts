import { bytesPerElement, type DType } from "../../core/index.ts";
import { PickleGlobal, PickleTuple, typeName } from "../pickle/index.ts";
import type { CallContext, PersistentLoad, PickleValue, StorageReference } from "../pickle/index.ts";

/** A storage that the pickle speaks of. */
export interface DeclaredStorage {
  readonly dtype: DType;
  readonly length: number;
}

/** Storages by key, filled while a pickle is read. */
export type DeclaredStorages = ReadonlyMap<string, DeclaredStorage>;

export function storageBytes({ dtype, length }: DeclaredStorage): number {
  return length * bytesPerElement(dtype);
}

const isCount = (value: PickleValue | undefined): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= 2 ** 48;

/**
 * Reads persistent ids, `("storage", type, key, location, element count)`. The legacy format adds a sixth item for
 * a view of that storage: None or `(view key, offset, length)`.
 */
export function storageLoader(declared: Map<string, DeclaredStorage>): PersistentLoad {
  return (id, context) => {
    const [tag, type, key, , length, view] = id instanceof PickleTuple ? id.items : [];
    if (tag !== "storage" || !(type instanceof PickleGlobal) || typeof key !== "string" || !isCount(length)) {
      throw context.refuse(
        "invalid-pickle",
        "a persistent id that is not (storage, type, key, location, size).",
      );
    }
    if (type.storage === undefined) {
      throw context.refuse("unsupported-storage", `${type.name} is not a storage type.`);
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
