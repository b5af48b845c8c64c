import { elementCount } from "../../core/index.ts";

type Elements = Record<number, number | bigint>;

/** Whether the elements lie in row-major order without gaps; strides of dimensions of size 1 do not matter. */
export function isContiguous(dims: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    if (dims[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= dims[axis]!;
  }
  return true;
}

/** Writes a strided window, which starts at index 0 of `from`, into `to` in row-major order. */
export function copyStrided(
  from: Elements,
  to: Elements,
  dims: readonly number[],
  strides: readonly number[],
): void {
  const inner = dims.at(-1)!;
  const step = strides.at(-1)!;
  const rows = elementCount(dims.slice(0, -1));
  const index = dims.slice(0, -1).map(() => 0);
  let start = 0;
  let out = 0;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < inner; i++) to[out++] = from[start + i * step]!;
    // The next row: an odometer over the outer dimensions.
    for (let axis = index.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      start += strides[axis]!;
      if (index[axis]! < dims[axis]!) break;
      start -= dims[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
}
