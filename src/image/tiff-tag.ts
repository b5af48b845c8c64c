/** Value of a short tag in a TIFF's first directory; undefined where it has none. BigTIFF is not read. */
export function tiffTag(bytes: Uint8Array, tag: number): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  if (bytes.length < 8 || view.getUint16(2, little) !== 42) return undefined;
  const directory = view.getUint32(4, little);
  if (directory + 2 > bytes.length) return undefined;
  const entries = view.getUint16(directory, little);
  for (let i = 0, at = directory + 2; i < entries && at + 12 <= bytes.length; i++, at += 12) {
    if (view.getUint16(at, little) === tag) return view.getUint16(at + 8, little);
  }
  return undefined;
}
