import type { DType } from "../../core/index.ts";
import type { StorageType } from "./tensors.ts";

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
export const storageTypes: Readonly<Record<string, StorageType>> = {
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
