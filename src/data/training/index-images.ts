import type { ImageContent, ImageSource } from "../image-source.ts";
import { growingArray } from "./growing-array.ts";
import { ownFile, type ImageIndex } from "./image-index.ts";

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
  source: ImageSource,
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
): Promise<Exclude<ImageContent, { readonly bytes: unknown }>> {
  return "bytes" in content ? keepBytes(content.bytes) : content;
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
