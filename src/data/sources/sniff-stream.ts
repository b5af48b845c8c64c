import { parseTarHeader, tarBlock } from "../tar/tar-entries.ts";

/** What the first bytes of a stream announce. */
export type StreamKind = "tar" | "gzip" | "parquet" | "image" | "paths" | "empty" | "unknown";

/** Bytes that {@link sniffStream} wants to see, fewer at the end of a short stream. */
export const sniffLength: number = tarBlock;

const signatures: readonly (readonly [StreamKind, offset: number, bytes: string])[] = [
  ["gzip", 0, "\x1f\x8b"],
  ["parquet", 0, "PAR1"],
  ["image", 0, "\xff\xd8\xff"],
  ["image", 0, "\x89PNG"],
  ["image", 0, "GIF8"],
  ["image", 8, "WEBP"],
  ["image", 4, "ftyp"],
  ["image", 0, "II*\0"],
  ["image", 0, "MM\0*"],
];

/** Tells an image, a tar archive or a list of paths by the first bytes. */
export function sniffStream(head: Uint8Array): StreamKind {
  if (head.byteLength === 0) return "empty";
  const latin1 = String.fromCharCode(...head.subarray(0, sniffLength));
  for (const [kind, offset, bytes] of signatures) {
    if (latin1.startsWith(bytes, offset)) return kind;
  }
  if (isTar(head)) return "tar";
  if (/^P[1-6]\s/.test(latin1) || (latin1.startsWith("BM") && head.subarray(0, 32).includes(0)))
    return "image";
  return isText(head) ? "paths" : "unknown";
}

function isTar(head: Uint8Array): boolean {
  if (head.byteLength < tarBlock) return false;
  try {
    return parseTarHeader(head.subarray(0, tarBlock), "") !== undefined || head.every((byte) => byte === 0);
  } catch {
    return false;
  }
}

// Paths may be separated by NUL; every other control character but white space means binary data.
function isText(head: Uint8Array): boolean {
  const isControl = (byte: number): boolean => byte < 0x20 && byte !== 0 && (byte < 0x09 || byte > 0x0d);
  return !head.some(isControl) && head[0] !== 0;
}
