import type { DType, WeightsError } from "../../core/index.ts";

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

/** A function or class that a pickle names: one of `globals.ts`, or one that only makes a `PickleObject`. */
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

/**
 * What stands for an object of a class, or the result of a function, that is not in `globals.ts`: its name, and its state
 * as data. Neither is looked up, imported or called.
 */
export class PickleObject {
  readonly name: string;
  /** What `BUILD` gave it, such as the attributes of an `argparse.Namespace`. */
  state: PickleValue = null;

  constructor(name: string) {
    this.name = name;
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
  | PickleObject
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
  if (value instanceof PickleGlobal || value instanceof PickleObject) return value.name;
  return value.kind;
}

/** Element type of a storage class; `untyped` storages count bytes and take the tensor's dtype. */
export interface StorageType {
  readonly dtype: DType;
  readonly untyped?: boolean;
}

/** What a persistent id names: where a tensor's elements lie. */
export interface StorageReference {
  readonly kind: "storage";
  readonly key: string;
  readonly dtype: DType;
  /** First element inside the stored bytes of `key`; other than 0 for a view of a storage. */
  readonly start: number;
  /** Elements from `start` on. */
  readonly length: number;
}

/** A tensor as the pickle describes it: a strided window on a storage, nothing read yet. */
export interface PickledTensor {
  readonly kind: "tensor";
  readonly storage: StorageReference;
  /** In elements from the storage's start. */
  readonly offset: number;
  readonly dims: readonly number[];
  /** In elements, one for each dimension. */
  readonly strides: readonly number[];
}

/** What a call inside the pickle may use besides its arguments. */
export interface CallContext {
  /** Counts work that grows with the arguments against the pickle's budget. */
  readonly spend: (units: number) => void;
  /** An error that names the file and the position in the pickle. */
  readonly refuse: (code: string, message: string) => WeightsError;
}

/** Builds a value from the arguments of a REDUCE. */
export type PickleCall = (args: readonly PickleValue[], context: CallContext) => PickleValue;
