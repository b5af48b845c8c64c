import { roundHalfToEven } from "./round-half-to-even.ts";
import type { TensorSource } from "./tensor.ts";

const value = new Float32Array(1);
const bits = new Uint32Array(value.buffer);

/** Nearest IEEE 754 binary16 bit pattern of a number, halves to even; what is too large becomes infinite. */
export function toFloat16(number: number): number {
  value[0] = number;
  const all = bits[0]!;
  const sign = (all >>> 16) & 0x8000;
  const magnitude = all & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: a multiple of 2^-24, and scaling by 2^24 is exact.
    return sign | roundHalfToEven(Math.abs(value[0]) * 2 ** 24);
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
