import type { ImageFormat } from "./image-format.ts";

/** Whether an undecodable file ends before its format's end mark: then a copy or download was cut short. */
export function isTruncated(format: ImageFormat, bytes: Uint8Array): boolean {
  const end = String.fromCharCode(...bytes.subarray(-1024));
  if (format === "jpeg") return !end.includes("\xff\xd9");
  if (format === "png") return !end.includes("IEND");
  if (format === "gif") return !/;\0*$/.test(end);
  if (format !== "webp" || bytes.length < 12) return false;
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  return 8 + size > bytes.length;
}
