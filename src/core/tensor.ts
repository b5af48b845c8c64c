import type { DType, DTypeArrays } from "./dtype.ts";

/** A dense row-major array in memory. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly dims: readonly number[];
  readonly data: DTypeArrays[D];
}

/** A tensor whose dtype and shape are known now and whose elements are read when asked for. */
export interface TensorSource<D extends DType = DType> {
  readonly dtype: D;
  readonly dims: readonly number[];
  /** Reads the elements. Each call reads anew: callers drop the result as soon as they can. */
  load(): Promise<Tensor<D>>;
}

/** Parameters and buffers by their torchvision name, in file order. */
export type StateDict = ReadonlyMap<string, TensorSource>;

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Makes a tensor, checking that the data fills the shape. */
export function tensor<D extends DType>(
  dtype: D,
  dims: readonly number[],
  data: DTypeArrays[D],
): Tensor<D> & TensorSource<D> {
  if (data.length !== elementCount(dims)) {
    throw new RangeError(
      `tensor: shape [${dims.join(", ")}] holds ${elementCount(dims)} elements, the data has ${data.length}.`,
    );
  }
  const value = { dtype, dims, data };
  return { ...value, load: () => Promise.resolve(value) };
}
