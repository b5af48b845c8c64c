import { bytesPerElement, elementCount, type DType } from "../../core/index.ts";
import {
  PickleDict,
  PickleGlobal,
  PickleObject,
  PickleSet,
  PickleTuple,
  typeName,
  type CallContext,
  type PickleCall,
  type PickledTensor,
  type PickleValue,
  type StorageReference,
  type StorageType,
} from "./values.ts";

function itemsOf(
  value: PickleValue | undefined,
  context: CallContext,
  callee: string,
): readonly PickleValue[] {
  const items = value === undefined ? [] : value instanceof PickleTuple ? value.items : value;
  if (!Array.isArray(items)) {
    throw context.refuse("invalid-pickle", `${callee} takes a list or tuple, not ${typeName(value)}.`);
  }
  context.spend(items.length);
  return items as readonly PickleValue[];
}

const orderedDict: PickleCall = ([pairs], context) => {
  const dict = new PickleDict();
  for (const pair of itemsOf(pairs, context, "OrderedDict")) {
    const items = pair instanceof PickleTuple ? pair.items : pair;
    if (!Array.isArray(items) || items.length !== 2) {
      throw context.refuse("invalid-pickle", `OrderedDict takes key and value pairs, not ${typeName(pair)}.`);
    }
    dict.entries.set(items[0] as PickleValue, items[1] as PickleValue);
  }
  return dict;
};

const set: PickleCall = ([items], context) => {
  const value = new PickleSet();
  for (const item of itemsOf(items, context, "set")) value.items.add(item);
  return value;
};

/** How Python 3 writes bytes in protocol 2: as a str of code points below 256. */
const encode: PickleCall = ([text, encoding], context) => {
  if (typeof text !== "string" || encoding !== "latin1") {
    throw context.refuse("invalid-pickle", "_codecs.encode is read for latin1 strings only.");
  }
  context.spend(text.length);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
};

const torchSize: PickleCall = ([items], context) => new PickleTuple(itemsOf(items, context, "torch.Size"));

/** Where a tensor lived when it was saved; of no consequence here. */
const device: PickleCall = (args) => new PickleTuple(args);

/** Plain containers that Python writes as calls. */
const containerCalls: Readonly<Record<string, PickleCall>> = {
  "collections.OrderedDict": orderedDict,
  "builtins.set": set,
  "builtins.frozenset": set,
  "__builtin__.set": set,
  "__builtin__.frozenset": set,
  "_codecs.encode": encode,
  "torch.Size": torchSize,
  "torch.device": device,
};

/** PyTorch itself allows 64 dimensions. */
const maximumRank = 64;

function integers(value: PickleValue | undefined, what: string, context: CallContext): readonly number[] {
  const items = value instanceof PickleTuple ? value.items : value;
  if (!Array.isArray(items) || items.length > maximumRank || !items.every(isCount)) {
    throw context.refuse("invalid-tensor", `the ${what} of a tensor should be up to 64 integers >= 0.`);
  }
  return [...(items as readonly number[])];
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isStorage(value: PickleValue | undefined): value is StorageReference {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "storage";
}

function window(
  storage: StorageReference,
  [offset, size, stride]: readonly PickleValue[],
  context: CallContext,
): PickledTensor {
  const dims = integers(size, "size", context);
  const strides = integers(stride, "stride", context);
  if (!isCount(offset) || dims.length !== strides.length) {
    throw context.refuse("invalid-tensor", "a tensor's offset, size and stride do not go together.");
  }
  const last = dims.reduce((index, dim, axis) => index + (dim - 1) * strides[axis]!, offset);
  const inside = dims.includes(0) || last < storage.length;
  if (!inside || !Number.isSafeInteger(elementCount(dims))) {
    throw context.refuse(
      "invalid-tensor",
      `a tensor of shape [${dims.join(", ")}], stride [${strides.join(", ")}] and offset ${offset} ` +
        `reaches past the ${storage.length} elements of storage "${storage.key}".`,
    );
  }
  return { kind: "tensor", storage, offset, dims, strides };
}

function storageOf(value: PickleValue | undefined, context: CallContext): StorageReference {
  if (isStorage(value)) return value;
  throw context.refuse("invalid-tensor", `a tensor should stand on a storage, not on ${typeName(value)}.`);
}

/** `(storage, offset, size, stride, requires_grad, hooks, ...)`; the first four say everything. */
const rebuildTensor: PickleCall = ([storage, ...rest], context) =>
  window(storageOf(storage, context), rest, context);

/** As v2, with the dtype apart from the storage, which counts bytes. */
const rebuildTensorV3: PickleCall = ([storage, offset, size, stride, , , dtype], context) => {
  const bytes = storageOf(storage, context);
  const named = dtype instanceof PickleGlobal ? torchDTypes[dtype.name] : undefined;
  if (named === undefined || bytes.dtype !== "uint8") {
    throw context.refuse("unsupported-tensor", `a tensor of type ${typeName(dtype)} cannot be read.`);
  }
  const width = bytesPerElement(named);
  if (bytes.start % width !== 0) {
    throw context.refuse(
      "invalid-tensor",
      `storage "${bytes.key}" does not start at a multiple of ${width} bytes.`,
    );
  }
  const typed: StorageReference = {
    ...bytes,
    dtype: named,
    start: bytes.start / width,
    length: Math.floor(bytes.length / width),
  };
  return window(typed, [offset ?? null, size ?? null, stride ?? null], context);
};

const torchDTypes: Readonly<Record<string, DType>> = {
  "torch.float64": "float64",
  "torch.float32": "float32",
  "torch.float16": "float16",
  "torch.bfloat16": "bfloat16",
  "torch.int64": "int64",
  "torch.int32": "int32",
  "torch.int16": "int16",
  "torch.int8": "int8",
  "torch.uint8": "uint8",
  "torch.bool": "bool",
};

/** `(data, requires_grad, hooks)`: a parameter is its tensor. */
const rebuildParameter: PickleCall = ([data], context) => {
  if (typeof data === "object" && data !== null && "kind" in data && data.kind === "tensor") return data;
  throw context.refuse("invalid-tensor", `a parameter should hold a tensor, not ${typeName(data)}.`);
};

/** The functions of `torch._utils` that put a dense tensor together. */
const tensorCalls: Readonly<Record<string, PickleCall>> = {
  "torch._utils._rebuild_tensor": rebuildTensor,
  "torch._utils._rebuild_tensor_v2": rebuildTensor,
  "torch._utils._rebuild_tensor_v3": rebuildTensorV3,
  "torch._utils._rebuild_parameter": rebuildParameter,
  "torch._utils._rebuild_parameter_with_state": rebuildParameter,
};

const byName: Readonly<Record<string, DType>> = {
  DoubleStorage: "float64",
  FloatStorage: "float32",
  HalfStorage: "float16",
  BFloat16Storage: "bfloat16",
  LongStorage: "int64",
  IntStorage: "int32",
  ShortStorage: "int16",
  CharStorage: "int8",
  ByteStorage: "uint8",
  BoolStorage: "bool",
};

const untyped: StorageType = { dtype: "uint8", untyped: true };

/** Storage classes by the names that pickles use: torch and torch.cuda for typed ones, torch.storage since 1.11. */
const storageTypes: Readonly<Record<string, StorageType>> = {
  ...Object.fromEntries(
    Object.entries(byName).flatMap(([name, dtype]) => [
      [`torch.${name}`, { dtype }],
      [`torch.cuda.${name}`, { dtype }],
    ]),
  ),
  "torch.storage.UntypedStorage": untyped,
  "torch.storage._UntypedStorage": untyped,
  "torch.UntypedStorage": untyped,
  "torch._UntypedStorage": untyped,
};

const dtypeNames = [
  "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool",
  "double float half long int short",
]
  .join(" ")
  .split(" ");

/**
 * The complete list of names that mean something. Every entry is code of this folder: a name is looked up here and
 * nowhere else, so a pickle cannot reach the host's functions.
 */
export const globals: ReadonlyMap<string, PickleGlobal> = new Map(
  [
    ...Object.entries(containerCalls).map(([name, call]) => new PickleGlobal(name, { call })),
    ...Object.entries(tensorCalls).map(([name, call]) => new PickleGlobal(name, { call })),
    ...Object.entries(storageTypes).map(([name, storage]) => new PickleGlobal(name, { storage })),
    ...dtypeNames.map((name) => new PickleGlobal(`torch.${name}`, {})),
  ].map((global) => [global.name, global]),
);

/** The names by which Python's pickle makes an object of the class that is their first argument. */
const makers = new Set(["copyreg._reconstructor", "copy_reg._reconstructor", "copyreg.__newobj__"]);

/** What a name that is not in the table stands for: something that makes objects which know their names only. */
export function unknownGlobal(name: string): PickleGlobal {
  const call: PickleCall = ([first]) =>
    new PickleObject(makers.has(name) && first instanceof PickleGlobal ? first.name : name);
  return new PickleGlobal(name, { call });
}

/** Tensors that PyTorch can save and this package does not read, by the name that gives them away. */
const tensorKinds: readonly (readonly [RegExp, string])[] = [
  [/^torch\._utils\._rebuild_sparse/, "a sparse tensor"],
  [
    /^torch\._utils\._rebuild_qtensor$|^torch\.(cuda\.)?Q\w+Storage$|^torch\.q(u?int\d+)/,
    "a quantised tensor",
  ],
  [/^torch\._utils\._rebuild_meta/, "a tensor on the meta device, which has no elements"],
  [/^torch\.(cuda\.)?Complex\w+Storage$|^torch\.complex\d+$/, "a complex tensor"],
  [/^torch\._utils\._rebuild_nested/, "a nested tensor"],
];

const tensorKind = (name: string): string | undefined =>
  tensorKinds.find(([pattern]) => pattern.test(name))?.[1];

/** Whether an object is a tensor of a kind that is not read. */
export const isOtherTensor = ({ name }: PickleObject): boolean => tensorKind(name) !== undefined;

/** Code and message of a refusal. */
type Refusal = readonly [code: string, message: string];

/** Of a tensor of a kind that is not read. @param subject With its verb */
function otherTensor(subject: string, name: string): Refusal | undefined {
  const kind = tensorKind(name);
  if (kind === undefined) return undefined;
  const remedy = "Save dense float tensors: torch.save(model.state_dict(), path).";
  return ["unsupported-tensor", `${subject} ${kind} (${name}). ${remedy}`];
}

/** Of a storage of a type that is not in the table. */
export const notStorage = (name: string): Refusal =>
  otherTensor("it holds", name) ?? [
    "unsupported-storage",
    `storage type ${name} is not known. Convert the tensors to float32 before torch.save.`,
  ];

/** The two lines of Python that leave nothing but weights of a model. @param load What gives the model */
export const saveWeights = (load: string): string =>
  `Save its weights alone, in Python:\n  model = ${load}\n  torch.save(model.state_dict(), "weights.pth")`;

/** Of an object that stands where weights should be. @param what Such as the name of a tensor */
export const notWeights = (what: string, { name }: PickleObject): Refusal =>
  otherTensor(`${what} is`, name) ?? [
    "forbidden-global",
    `${what} is an object of ${name}, which only Python can make: a pickled model, perhaps. Nothing was executed. If you ` +
      `trust the file: ${saveWeights('torch.load("model.pth", weights_only=False)')}`,
  ];
