import type { DType } from "../../core/index.ts";

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
