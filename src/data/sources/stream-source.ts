import { DataError, decodeName, encodingOf } from "../../core/index.ts";
import { joinBytes } from "../../core/storage/index.ts";
import type { ImageItem, ImageSource } from "../image-source.ts";
import { tarStreamImages, type TarImagesOptions } from "../tar/tar-images.ts";
import type { Gunzip } from "./image-sources.ts";
import { sniffLength, sniffStream, type StreamKind } from "./sniff-stream.ts";

const name = "-";
const maxImageBytes = 512 * 1024 * 1024;

/** Opens a path that was read from the stream. */
type OpenListed = (path: string) => Promise<AsyncIterable<ImageItem>>;

/**
 * The images of a stream: one image, a tar archive (gzip or not), or a list of paths, one a line or NUL-separated.
 *
 * It can be walked once; classes and size are unknown.
 *
 * @throws DataError when the stream is empty, of another kind, or walked again
 */
export function streamSource(
  stream: AsyncIterable<Uint8Array>,
  gunzip: Gunzip,
  open: OpenListed,
  options: TarImagesOptions = {},
): ImageSource {
  let walked = false;
  return {
    classes: undefined,
    size: undefined,
    async *[Symbol.asyncIterator]() {
      if (walked) {
        throw new DataError(
          "data/stdin",
          "standard input can be read once. Store the data in a file to read it again.",
        );
      }
      walked = true;
      yield* imagesOfStream(stream, gunzip, open, options);
    },
  };
}

async function* imagesOfStream(
  stream: AsyncIterable<Uint8Array>,
  gunzip: Gunzip,
  open: OpenListed,
  { readLabels, signal }: TarImagesOptions,
): AsyncGenerator<ImageItem> {
  const { kind, chunks } = await sniffed(stream);
  switch (kind) {
    case "gzip":
      yield* imagesOfStream(gunzip(name, chunks), gunzip, open, { readLabels, signal });
      return;
    case "tar":
      yield* tarStreamImages(name, chunks, { readLabels, signal });
      return;
    case "paths":
      for await (const path of splitPaths(chunks)) {
        signal?.throwIfAborted();
        yield* await open(path);
      }
      return;
    case "image":
    case "unknown":
      yield { id: name, content: { bytes: await wholeImage(chunks) } };
      return;
    case "parquet":
      throw new DataError(
        "data/stdin",
        "Parquet cannot be read from standard input. Give the path of the file.",
      );
    case "empty":
      throw new DataError(
        "data/stdin",
        "standard input is empty: expected an image, a tar archive or a list of paths.",
      );
  }
}

async function sniffed(
  stream: AsyncIterable<Uint8Array>,
): Promise<{ readonly kind: StreamKind; readonly chunks: AsyncIterable<Uint8Array> }> {
  const iterator = stream[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  let length = 0;
  while (length < sniffLength) {
    const next = await iterator.next();
    if (next.done === true) break;
    head.push(next.value);
    length += next.value.byteLength;
  }
  // In one piece: the splitter of paths looks for its separator in the first chunk.
  const first = joinBytes(head);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield first;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { kind: sniffStream(first), chunks: chunks() };
}

async function wholeImage(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    length += chunk.byteLength;
    if (length > maxImageBytes) {
      throw new DataError(
        "data/stdin",
        `standard input holds neither a tar archive nor an image below ${maxImageBytes} bytes.`,
      );
    }
  }
  return joinBytes(parts);
}

// PATH_MAX is 4096 on Linux and less elsewhere.
const maxPathLength = 32 * 1024;

/**
 * The paths of a list, separated by NUL when the first chunk has one (`find -print0`), else by line ends. Names may be no UTF-8;
 * lists in UTF-16, as Windows' tools write them, are read too.
 */
async function* splitPaths(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined;
  let separator: number | undefined;
  let rest = new Uint8Array(0);
  const path = (bytes: Uint8Array): string => {
    const line = decodeName(bytes).replace(/^\uFEFF/, "");
    return separator === 0 ? line : line.replace(/\r$/, "");
  };
  for await (const chunk of chunks) {
    if (separator === undefined) {
      // Without a byte order mark, names of one letter between zeros look the same.
      const encoding = encodingOf(chunk);
      if (encoding !== "utf-8" && chunk[0]! >= 0xfe) decoder = new TextDecoder(encoding);
      separator = !decoder && chunk.includes(0) ? 0 : 0x0a;
    }
    const bytes = joinBytes([
      rest,
      decoder ? encoder.encode(decoder.decode(chunk, { stream: true })) : chunk,
    ]);
    let start = 0;
    for (let end = bytes.indexOf(separator); end >= 0; end = bytes.indexOf(separator, start)) {
      if (path(bytes.subarray(start, end)) !== "") yield path(bytes.subarray(start, end));
      start = end + 1;
    }
    rest = bytes.slice(start);
    if (rest.length > maxPathLength) {
      throw new DataError(
        "data/stdin",
        `expected a list of paths, one entry is longer than ${maxPathLength} characters.`,
      );
    }
  }
  if (path(rest) !== "") yield path(rest);
}

const encoder = new TextEncoder();
