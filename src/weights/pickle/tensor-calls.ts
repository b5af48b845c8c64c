import { elementCount, bytesPerElement, type DType } from "../../core/index.ts";
import type { CallContext, PickleCall } from "./call.ts";
import type { PickledTensor, StorageReference } from "./tensors.ts";
import { PickleGlobal, PickleTuple, typeName, type PickleValue } from "./values.ts";

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
export const tensorCalls: Readonly<Record<string, PickleCall>> = {
  "torch._utils._rebuild_tensor": rebuildTensor,
  "torch._utils._rebuild_tensor_v2": rebuildTensor,
  "torch._utils._rebuild_tensor_v3": rebuildTensorV3,
  "torch._utils._rebuild_parameter": rebuildParameter,
  "torch._utils._rebuild_parameter_with_state": rebuildParameter,
};
