import { conversionOf } from "../image/image-format.ts";
import { isImagePath, maskedPicture } from "./input-kind.ts";

/** Files of one kind that are left out. */
export interface LeftOutFiles {
  /** In lower case, with its dot: ".heic"; "_mask.png" for masks of the pictures beside them. */
  readonly ending: string;
  readonly files: number;
  /** The first of them. */
  readonly first: string;
}

const heic = /^\.(?:heic|heif|heics|heifs|hif)$/;
const video = /^\.(?:mp4|m4v|mov|avi|mkv|webm|wmv|flv|mpe?g|3gp|3g2|mts|m2ts|ogv|vob|asf)$/;
const raw =
  /^\.(?:raw|dng|cr[23w]|ne[fx]|nrw|arw|sr[2fw]|raf|orf|rw[2l]|pef|x3f|3fr|erf|kdc|dcr|mrw|mos|iiq|mef)$/;
const other =
  /^\.(?:jp[2xmf]|j2[kc]|jpc|jxl|jxr|wdp|svgz?|ps[db]|xcf|ico|icns|cur|exr|hdr|dds|dcm|pcx|qoi|eps|ai|wmf|emf)$/;

/** The ending of a picture or video of a kind that is not read, or of a mask, in lower case; undefined for other files. */
function leftOutEnding(path: string): string | undefined {
  const ending = /\.\w+$/.exec(path)?.[0].toLowerCase() ?? "";
  // Of images, only masks are left out.
  if (isImagePath(path)) {
    const stem = path.slice(0, path.length - ending.length);
    const word = stem.slice(maskedPicture(stem)?.length).replace(/[._-]?\d+$/, "");
    return `${word.toLowerCase()}${ending}`;
  }
  return [heic, video, raw, other].some((kind) => kind.test(ending)) ? ending : undefined;
}

/** How files of an ending become images that are read, as an imperative. */
export function remedyFor(ending: string): string {
  if (!/^\.\w+$/.test(ending))
    return "the mask, depth map or the like of the picture beside it; rename it, or move it away, to have it read as a picture";
  if (heic.test(ending)) return conversionOf("heic");
  if (video.test(ending)) return conversionOf("video");
  if (raw.test(ending)) return "develop it to JPEG or TIFF, as darktable-cli and dcraw do";
  return `convert it to PNG or JPEG, as ImageMagick does: magick a${ending} a.png`;
}

/** What is left out, kind by kind, each with the first of its files and how they become images that are read. */
export const leftOutText = (kinds: readonly LeftOutFiles[]): readonly string[] =>
  kinds.map(
    ({ ending, files, first }) =>
      `${files} ${ending} (${files === 1 ? "" : "the first is "}${first}): ${remedyFor(ending)}`,
  );

/** Counts files of kinds that are not read. */
export interface LeftOutTally {
  /** Takes any file that is not read as an image. */
  readonly add: (path: string) => void;
  /** Those so far; undefined when there are none. */
  files(): readonly LeftOutFiles[] | undefined;
}

export function leftOutTally(): LeftOutTally {
  const kinds = new Map<string, LeftOutFiles>();
  return {
    add(path) {
      const ending = leftOutEnding(path);
      if (ending === undefined) return;
      const known = kinds.get(ending);
      kinds.set(ending, { ending, files: (known?.files ?? 0) + 1, first: known?.first ?? path });
    },
    files: () => addLeftOut([...kinds.values()]),
  };
}

/** Each kind of files once, those that there are most of first; undefined when there are none. */
export function addLeftOut(kinds: readonly LeftOutFiles[]): readonly LeftOutFiles[] | undefined {
  const all = new Map<string, LeftOutFiles>();
  for (const one of kinds) {
    const known = all.get(one.ending);
    all.set(one.ending, known ? { ...known, files: known.files + one.files } : one);
  }
  return all.size === 0 ? undefined : [...all.values()].sort((a, b) => b.files - a.files);
}
