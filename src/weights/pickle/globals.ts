import { containerCalls } from "./container-calls.ts";
import { storageTypes } from "./storage-types.ts";
import { tensorCalls } from "./tensor-calls.ts";
import { PickleGlobal } from "./values.ts";

const dtypeNames = [
  "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool",
  "double float half long int short",
]
  .join(" ")
  .split(" ");

/**
 * The complete list of what a pickle may name. Every entry is code of this folder: a name is looked up here and
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
