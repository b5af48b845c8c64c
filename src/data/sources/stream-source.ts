import { DataError } from "../../core/index.ts";
import { joinBytes } from "../../core/storage/index.ts";
import type { ImageItem, ImageSource } from "../image-source.ts";
import { sniffLength, sniffStream, type StreamKind } from "../input-kind.ts";
import { tarStreamImages, type TarImagesOptions } from "../tar/tar-images.ts";
import type { Gunzip } from "./image-sources.ts";

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

/** The paths of a list, separated by NUL when the first chunk has one (`find -print0`), else by line ends. */
async function* splitPaths(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let separator: string | RegExp | undefined;
  let rest = "";
  for await (const chunk of chunks) {
    separator ??= chunk.includes(0) ? "\0" : /\r?\n/;
    const parts = (rest + decoder.decode(chunk, { stream: true })).split(separator);
    rest = parts.pop()!;
    for (const path of parts) if (path !== "") yield path;
    if (rest.length > maxPathLength) {
      throw new DataError(
        "data/stdin",
        `expected a list of paths, one entry is longer than ${maxPathLength} characters.`,
      );
    }
  }
  rest += decoder.decode();
  const last = rest.replace(/\r$/, "");
  if (last !== "") yield last;
}
