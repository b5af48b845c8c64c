import { ImageError } from "../../core/index.ts";
import type { ImageContent, ImageItem } from "../image-source.ts";
import { readBlob } from "../sources/content-reader.ts";

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
const ownFile = 0xffffffff;

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

/** A data set that was walked once. */
export interface IndexedImages {
  readonly index: ImageIndex;
  /** The labels that occur, in the order in which they were met. */
  readonly labelNames: readonly string[];
  /** For each image the index of its label in `labelNames`; -1 without one. */
  readonly labels: Int32Array;
}

/** Puts bytes where they can be read again, and says where. */
export type KeepBytes = (bytes: Uint8Array<ArrayBuffer>) => Promise<{
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}>;

/**
 * Walks a source once and notes where its images lie, and their labels.
 *
 * @param keepBytes Takes the bytes of images that the source hands over in memory, because they can only be read in
 *   order there, as in Parquet tables and compressed archives.
 */
export async function indexImages(
  source: AsyncIterable<ImageItem>,
  keepBytes: KeepBytes,
  signal?: AbortSignal,
): Promise<IndexedImages> {
  const strings = interned();
  const labelNames = interned();
  const encoder = new TextEncoder();
  const uint32 = (length: number): Uint32Array => new Uint32Array(length);
  const prefixes = growingArray(uint32);
  const text = growingArray((length) => new Uint8Array(length));
  const ends = growingArray(uint32);
  const files = growingArray(uint32);
  const offsets = growingArray((length) => new Float64Array(length));
  const lengths = growingArray(uint32);
  const labels = growingArray((length) => new Int32Array(length));

  for await (const { id, label, content } of source) {
    signal?.throwIfAborted();
    const { path, offset = 0, length = ownFile } = await located(content, keepBytes);
    const prefix = id.slice(0, id.lastIndexOf("/") + 1);
    const rest = id.slice(prefix.length);
    prefixes.push(strings.indexOf(prefix));
    // A UTF-16 code unit becomes three bytes at most.
    text.append(rest.length * 3, (room) => encoder.encodeInto(rest, room).written);
    ends.push(text.length);
    files.push(path === id && length === ownFile ? ownFile : strings.indexOf(path));
    offsets.push(offset);
    lengths.push(length);
    labels.push(label === undefined ? -1 : labelNames.indexOf(label));
  }
  return {
    index: {
      size: ends.length,
      strings: strings.all,
      prefixes: prefixes.values(),
      text: text.values(),
      ends: ends.values(),
      files: files.values(),
      offsets: offsets.values(),
      lengths: lengths.values(),
    },
    labelNames: labelNames.all,
    labels: labels.values(),
  };
}

async function located(
  content: ImageContent,
  keepBytes: KeepBytes,
): Promise<Extract<ImageContent, { readonly path: string }>> {
  if ("path" in content) return content;
  if ("missing" in content) throw new ImageError("image/missing", content.missing);
  return keepBytes("bytes" in content ? content.bytes : await readBlob(content.blob));
}

/** Strings that are held once each, and found by number. */
function interned(): { readonly all: readonly string[]; indexOf(text: string): number } {
  const all: string[] = [];
  const indices = new Map<string, number>();
  return {
    all,
    indexOf(text) {
      const known = indices.get(text);
      if (known !== undefined) return known;
      indices.set(text, all.length);
      return all.push(text) - 1;
    },
  };
}

/** A typed array that grows as values are added. */
interface GrowingArray<Numbers> {
  readonly length: number;
  push(value: number): void;
  /** Makes room for `count` values at the end, which `write` fills as far as it returns. */
  append(count: number, write: (room: Numbers) => number): void;
  /** Drops everything behind the first `length` values. */
  truncate(length: number): void;
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
    truncate(count) {
      length = Math.min(length, count);
    },
    values: () => part(0, length),
  };
}
