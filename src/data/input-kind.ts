/** File name endings that count as images: torchvision's list, and what sharp and this package read beside it. */
export const imageExtensions: readonly string[] = [
  ".jpg",
  ".jpeg",
  ".jpe",
  ".jfif",
  ".png",
  ".webp",
  ".gif",
  ".avif",
  ".tif",
  ".tiff",
  ".bmp",
  ".ppm",
  ".pgm",
  ".pbm",
  ".pnm",
  ".tga",
];

const imagePattern = new RegExp(`(?:${imageExtensions.map((e) => `\\${e}`).join("|")})$`, "i");

/** Whether the name ends as an image's does. */
export function isImagePath(path: string): boolean {
  return imagePattern.test(path);
}

/** Hidden files and folders, and the resource forks that macOS leaves in archives. */
export function isHiddenName(name: string): boolean {
  return name.startsWith(".") || name === "__MACOSX";
}

const maskPattern =
  /^(.*[^/])[._-](?:masks?|seg|segm|segmentation|annotations?|trimap|matte|depth)(?:[._-]?\d+)?$/is;

/**
 * The picture that an image would be the mask, the depth map or the like of, judged by the names alone, without their
 * endings: `cat` for `cat_mask`, `cat.seg` and `cat-mask-2`.
 */
export function maskedPicture(name: string): string | undefined {
  return maskPattern.exec(name)?.[1];
}

/** Parts image files, by name or by path, into those that are the mask of another among them, and the others. */
export function partMasks(files: readonly string[]): {
  readonly pictures: readonly string[];
  readonly masks: readonly string[];
} {
  const stemOf = (name: string): string => name.slice(0, name.lastIndexOf("."));
  const stems = new Set(files.map(stemOf));
  const isMask = (name: string): boolean => stems.has(maskedPicture(stemOf(name)) ?? "");
  return { pictures: files.filter((name) => !isMask(name)), masks: files.filter(isMask) };
}

/** How a file given by name is read. */
export type PathKind = "tar" | "tar-gzip" | "parquet" | "unsupported-archive" | "image";

/** Tells archives and tables by their ending; everything else is taken for an image, whatever it is called. */
export function pathKind(path: string): PathKind {
  if (/\.tar$/i.test(path)) return "tar";
  if (/\.(?:tar\.gz|tgz)$/i.test(path)) return "tar-gzip";
  if (/\.(?:parquet|pq)$/i.test(path)) return "parquet";
  if (/\.(?:zip|7z|rar|tar\.\w+|tbz2|txz|arrow|tfrecord)$/i.test(path)) return "unsupported-archive";
  return "image";
}
