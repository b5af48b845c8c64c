/** A typed array that grows as values are added. */
export interface GrowingArray<Numbers> {
  readonly length: number;
  push(value: number): void;
  /** Makes room for `count` values at the end, which `write` fills as far as it returns. */
  append(count: number, write: (room: Numbers) => number): void;
  /** The values so far, in memory that later ones may reuse. */
  values(): Numbers;
}

type Growable = Uint8Array | Uint32Array | Int32Array | Float64Array;

/** A {@link GrowingArray} of the same kind as `empty`. */
export function growingArray<Numbers extends Growable>(
  make: (length: number) => Numbers,
): GrowingArray<Numbers> {
  let values = make(1024);
  let length = 0;
  const reserve = (count: number): void => {
    if (length + count <= values.length) return;
    const larger = make(Math.max(length + count, Math.ceil(values.length * 1.5)));
    larger.set(values);
    values = larger;
  };
  const part = (start: number, end: number): Numbers => values.subarray(start, end) as Numbers;
  return {
    get length() {
      return length;
    },
    push(value) {
      reserve(1);
      values[length++] = value;
    },
    append(count, write) {
      reserve(count);
      length += write(part(length, length + count));
    },
    values: () => part(0, length),
  };
}
