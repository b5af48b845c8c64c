import type { ImageIndex } from "../../data/index.ts";

/** The same index in memory that all threads see, so that it stands there once however many workers there are. */
export function shareIndex(index: ImageIndex): ImageIndex {
  return {
    size: index.size,
    strings: index.strings,
    prefixes: shareArray(index.prefixes),
    text: shareArray(index.text),
    ends: shareArray(index.ends),
    files: shareArray(index.files),
    offsets: shareArray(index.offsets),
    lengths: shareArray(index.lengths),
  };
}

/** A copy in memory that all threads see. */
export function shareArray<Numbers extends Uint8Array | Uint32Array | Float64Array>(
  values: Numbers,
): Numbers {
  const make = values.constructor as new (buffer: SharedArrayBuffer) => Numbers;
  const shared = new make(new SharedArrayBuffer(values.byteLength));
  shared.set(values);
  return shared;
}
