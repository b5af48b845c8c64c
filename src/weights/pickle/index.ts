export { readPickle } from "./read-pickle.ts";
export type { CallContext } from "./call.ts";
export type { PersistentLoad } from "./machine.ts";
export type { PickledTensor, StorageReference } from "./tensors.ts";
export { PickleDict, PickleGlobal, PickleTuple, typeName, type PickleValue } from "./values.ts";
