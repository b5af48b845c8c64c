import type { Tensor, TensorSource } from "../core/index.ts";

const bits = new Uint32Array(1);
const asFloat = new Float32Array(bits.buffer);

/** Value of an IEEE 754 binary16 bit pattern; exact, subnormals, infinities and NaN included. */
export function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Value of a bfloat16 bit pattern: the upper half of a float32. */
export function fromBfloat16(half: number): number {
  bits[0] = half << 16;
  return asFloat[0]!;
}

function convert({ dtype, data }: Tensor): Float32Array<ArrayBuffer> {
  if (dtype === "float32") return data as Float32Array<ArrayBuffer>;
  const value = dtype === "float16" ? fromFloat16 : dtype === "bfloat16" ? fromBfloat16 : Number;
  const converted = new Float32Array(data.length);
  // By index: Float32Array.from goes through an iterator and takes several times as long.
  for (let i = 0; i < converted.length; i++) converted[i] = value(data[i] as number);
  return converted;
}

/** The same tensor in float32, converted when loaded; a float32 source is handed back as it is. */
export function toFloat32(source: TensorSource): TensorSource<"float32"> {
  if (isFloat32(source)) return source;
  const { dims } = source;
  return {
    dtype: "float32",
    dims,
    load: async () => ({ dtype: "float32", dims, data: convert(await source.load()) }),
  };
}

function isFloat32(source: TensorSource): source is TensorSource<"float32"> {
  return source.dtype === "float32";
}
