/**
 * A GIF whose first frame has no transparent colour.
 *
 * Pillow's `convert("RGB")` shows transparent pixels in their palette colour, other decoders clear them: without
 * the flag both do the same. Returns the same bytes when there is nothing to change.
 */
export function opaqueFirstFrame(gif: Uint8Array): Uint8Array {
  const tableBytes = (flags: number): number => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  // Header and logical screen descriptor, then extensions: 0x21, label, sub-blocks that end with an empty one.
  for (let at = 13 + tableBytes(gif[10] ?? 0); gif[at] === 0x21;) {
    const graphicControl = gif[at + 1] === 0xf9;
    if (graphicControl && (gif[at + 3] ?? 0) & 1) {
      const copy = gif.slice();
      copy[at + 3]! &= ~1;
      return copy;
    }
    at += 2;
    while ((gif[at] ?? 0) > 0) at += gif[at]! + 1;
    at += 1;
  }
  return gif;
}
