/** Formats that are recognised by their first bytes. */
export type ImageFormat =
  | "jpeg"
  | "png"
  | "webp"
  | "gif"
  | "tiff"
  | "avif"
  | "bmp"
  | "pnm"
  | "heic"
  | "jpeg-xl"
  | "jpeg-2000"
  | "psd"
  | "svg"
  | "pdf";

const signatures: readonly (readonly [format: ImageFormat, offset: number, bytes: string])[] = [
  ["jpeg", 0, "\xff\xd8\xff"],
  ["png", 0, "\x89PNG\r\n\x1a\n"],
  ["webp", 8, "WEBP"],
  ["gif", 0, "GIF87a"],
  ["gif", 0, "GIF89a"],
  ["tiff", 0, "II*\0"],
  ["tiff", 0, "MM\0*"],
  ["tiff", 0, "II+\0"],
  ["tiff", 0, "MM\0+"],
  ["avif", 4, "ftypavif"],
  ["avif", 4, "ftypavis"],
  ["heic", 4, "ftyphei"],
  ["heic", 4, "ftyphev"],
  ["heic", 4, "ftypmif1"],
  ["heic", 4, "ftypmsf1"],
  ["bmp", 0, "BM"],
  ["pnm", 0, "P1"],
  ["pnm", 0, "P2"],
  ["pnm", 0, "P3"],
  ["pnm", 0, "P4"],
  ["pnm", 0, "P5"],
  ["pnm", 0, "P6"],
  ["jpeg-xl", 0, "\xff\x0a"],
  ["jpeg-xl", 4, "JXL "],
  ["jpeg-2000", 4, "jP  "],
  ["jpeg-2000", 0, "\xff\x4f\xff\x51"],
  ["psd", 0, "8BPS"],
  ["pdf", 0, "%PDF"],
];

/** Tells an image's format from its content; file names are not trusted. */
export function imageFormat(bytes: Uint8Array): ImageFormat | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 512));
  const found = signatures.find(([, offset, signature]) => start.startsWith(signature, offset));
  if (found) return found[0];
  return /^(?:\xef\xbb\xbf)?\s*<(?:\?xml|!--|!doctype svg|svg)/i.test(start) ? "svg" : undefined;
}
