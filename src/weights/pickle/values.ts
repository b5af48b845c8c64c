import type { PickleCall } from "./call.ts";
import type { PickledTensor, StorageReference, StorageType } from "./tensors.ts";

/** A Python tuple: told apart from a list, because it may be an argument list. */
export class PickleTuple {
  readonly items: readonly PickleValue[];

  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** A Python dict or OrderedDict, in insertion order; keys that are no primitives are told apart by identity. */
export class PickleDict {
  readonly entries: Map<PickleValue, PickleValue> = new Map();
}

/** A Python set or frozenset. */
export class PickleSet {
  readonly items: Set<PickleValue> = new Set();
}

/** One of the few functions and classes that a pickle may name: see `globals.ts`. */
export class PickleGlobal {
  readonly name: string;
  /** What calling it builds; absent for names that are only ever passed on, such as `torch.FloatStorage`. */
  readonly call: PickleCall | undefined;
  readonly storage: StorageType | undefined;

  constructor(name: string, rule: { readonly call?: PickleCall; readonly storage?: StorageType }) {
    this.name = name;
    this.call = rule.call;
    this.storage = rule.storage;
  }
}

/** Everything the restricted unpickler can build. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleTuple
  | PickleDict
  | PickleSet
  | PickleGlobal
  | StorageReference
  | PickledTensor;

/** What an error message calls a value: its Python type. */
export function typeName(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  if (typeof value === "bigint") return "int";
  if (typeof value === "string") return "str";
  if (value instanceof Uint8Array) return "bytes";
  if (Array.isArray(value)) return "list";
  if (value instanceof PickleTuple) return "tuple";
  if (value instanceof PickleDict) return "dict";
  if (value instanceof PickleSet) return "set";
  if (value instanceof PickleGlobal) return value.name;
  return value.kind;
}
