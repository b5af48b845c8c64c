import type { Tensor, TensorSource } from "../core/index.ts";

/** Value of an IEEE 754 binary16 bit pattern; exact, subnormals, infinities and NaN included. */
function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

let float16Values: Float32Array | undefined;

function convertFloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  // All 65,536 of them: looking a value up is far cheaper than computing it.
  float16Values ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => fromFloat16(half));
  const values = float16Values;
  const converted = new Float32Array(halves.length);
  for (let i = 0; i < converted.length; i++) converted[i] = values[halves[i]!]!;
  return converted;
}

/** A bfloat16 is the upper half of a float32. */
function convertBfloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < bits.length; i++) bits[i] = halves[i]! << 16;
  return new Float32Array(bits.buffer);
}

function convert({ dtype, data }: Tensor): Float32Array<ArrayBuffer> {
  if (dtype === "float32") return data as Float32Array<ArrayBuffer>;
  if (dtype === "float16") return convertFloat16(data as Uint16Array);
  if (dtype === "bfloat16") return convertBfloat16(data as Uint16Array);
  // Not Float32Array.from, which goes through an iterator and takes several times as long.
  const converted = new Float32Array(data.length);
  for (let i = 0; i < converted.length; i++) converted[i] = Number(data[i]);
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
