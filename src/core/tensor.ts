import { UsageError } from "./errors.ts";

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

/**
 * Makes a tensor.
 *
 * @throws UsageError `core/tensor-shape` for data that do not fill the shape.
 */
export function tensor<D extends DType>(
  dtype: D,
  dims: readonly number[],
  data: DTypeArrays[D],
): Tensor<D> & TensorSource<D> {
  if (data.length !== elementCount(dims)) {
    throw new UsageError(
      "core/tensor-shape",
      `tensor: shape [${dims.join(", ")}] holds ${elementCount(dims)} elements, the data has ${data.length}.`,
    );
  }
  const value = { dtype, dims, data };
  return { ...value, load: () => Promise.resolve(value) };
}

/** Element types, named as ONNX and NumPy name them. */
export type DType =
  "float64" | "float32" | "float16" | "bfloat16" | "int64" | "int32" | "int16" | "int8" | "uint8" | "bool";

/** Typed array that holds the elements of each dtype; 16-bit floats are kept as their bit patterns. */
export interface DTypeArrays {
  readonly float64: Float64Array<ArrayBuffer>;
  readonly float32: Float32Array<ArrayBuffer>;
  readonly float16: Uint16Array<ArrayBuffer>;
  readonly bfloat16: Uint16Array<ArrayBuffer>;
  readonly int64: BigInt64Array<ArrayBuffer>;
  readonly int32: Int32Array<ArrayBuffer>;
  readonly int16: Int16Array<ArrayBuffer>;
  readonly int8: Int8Array<ArrayBuffer>;
  readonly uint8: Uint8Array<ArrayBuffer>;
  readonly bool: Uint8Array<ArrayBuffer>;
}

type Constructor<A> = {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): A;
  new (buffer: ArrayBuffer, byteOffset?: number, length?: number): A;
};

const arrays: { readonly [D in DType]: Constructor<DTypeArrays[D]> } = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

/** Every element type. */
export const dtypes: readonly DType[] = Object.keys(arrays) as DType[];

/** Bytes that one element takes. */
export function bytesPerElement(dtype: DType): number {
  return arrays[dtype].BYTES_PER_ELEMENT;
}

/** A zero-filled array for `length` elements. */
export function allocate<D extends DType>(dtype: D, length: number): DTypeArrays[D] {
  return new arrays[dtype](length);
}

/** Views little-endian bytes as elements; copies when the bytes are not aligned for the dtype. */
export function viewAs<D extends DType>(dtype: D, bytes: Uint8Array): DTypeArrays[D] {
  const size = bytesPerElement(dtype);
  const aligned = bytes.buffer instanceof ArrayBuffer && bytes.byteOffset % size === 0;
  const owned = aligned ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
  return new arrays[dtype](owned.buffer, owned.byteOffset, owned.byteLength / size);
}

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/** Nearest IEEE 754 binary16 bit pattern of a number, halves to even; what is too large becomes infinite. */
export function toFloat16(number: number): number {
  single[0] = number;
  const all = bits[0]!;
  const sign = (all >>> 16) & 0x8000;
  const magnitude = all & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: a multiple of 2^-24, and scaling by 2^24 is exact.
    return sign | roundHalfToEven(Math.abs(single[0]) * 2 ** 24);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** The same tensor in float16, converted when loaded. */
export function asFloat16(source: TensorSource<"float32">): TensorSource<"float16"> {
  const { dims } = source;
  return {
    dtype: "float16",
    dims,
    async load() {
      const { data } = await source.load();
      const halves = new Uint16Array(data.length);
      for (let i = 0; i < data.length; i++) halves[i] = toFloat16(data[i]!);
      return { dtype: "float16", dims, data: halves };
    },
  };
}

/** Nearest integer, halves to the even one: Python's `round`, and IEEE 754's default. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
