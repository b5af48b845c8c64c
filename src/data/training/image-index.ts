import type { ImageContent } from "../image-source.ts";

/**
 * Where the images of a data set lie, in flat arrays that can be shared between threads: a million images take about
 * 70 MB, where as many objects would take five times that.
 */
export interface ImageIndex {
  readonly size: number;
  /** Folders and archives, each held once. */
  readonly strings: readonly string[];
  /** Index in `strings` of what each id begins with. */
  readonly prefixes: Uint32Array;
  /** The rest of all ids, in UTF-8. */
  readonly text: Uint8Array;
  /** Where the text of each id ends. */
  readonly ends: Uint32Array;
  /** Index in `strings` of the file that holds each image; {@link ownFile} when the id itself names it. */
  readonly files: Uint32Array;
  /** First byte of each image in its file. */
  readonly offsets: Float64Array;
  /** Bytes of each image; {@link ownFile} for a file of its own. */
  readonly lengths: Uint32Array;
}

/** Marks an image that is a file of its own, which its id names. */
export const ownFile = 0xffffffff;

/** An image as {@link ImageIndex} holds it. */
export interface IndexedImage {
  readonly id: string;
  readonly content: ImageContent;
}

/** The image at a position. */
export function indexedImage(index: ImageIndex, image: number): IndexedImage {
  const start = image === 0 ? 0 : index.ends[image - 1]!;
  // A copy: TextDecoder takes no shared memory in browsers.
  const text = new TextDecoder().decode(index.text.slice(start, index.ends[image]));
  const id = index.strings[index.prefixes[image]!]! + text;
  const file = index.files[image]!;
  if (file === ownFile) return { id, content: { path: id } };
  const path = index.strings[file]!;
  const length = index.lengths[image]!;
  if (length === ownFile) return { id, content: { path } };
  return { id, content: { path, offset: index.offsets[image]!, length } };
}
