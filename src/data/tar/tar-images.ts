import { DataError, type ByteSource } from "../../core/index.ts";
import type { ImageContent, ImageItem } from "../image-source.ts";
import { isHiddenName, isImagePath } from "../path-kind.ts";
import { tarEntries, type TarEntry } from "./entries.ts";
import { labelOfField } from "./sample-label.ts";
import { sequentialSource, sequentialStream, type SequentialBytes } from "./sequential-bytes.ts";

/** Settings of a walk through an archive. */
export interface TarImagesOptions {
  /** Told of each folder entry and of each folder with images, so that an empty class is not lost. */
  readonly onFolder?: (path: string, holdsImages: boolean) => void;
  readonly signal?: AbortSignal | undefined;
}

// A WebDataset sample has a handful of fields; past this, equal stems are taken for separate images.
const maxSampleFields = 16;

// Larger than any image that is decoded; keeps a header's claim from filling memory when streaming.
const maxStreamedImage = 512 * 1024 * 1024;

/**
 * The images of a tar file, located by offset so that whoever needs one reads it alone.
 *
 * The label is the sample's WebDataset `.cls` or the "label" of its `.json`, else the folder that holds the
 * image (the leaf, as timm's tar reader takes it, so that an archive may have a root folder).
 */
export function tarImages(source: ByteSource, options?: TarImagesOptions): AsyncGenerator<ImageItem> {
  return imagesOf(source.name, sequentialSource(source), options ?? {}, (entry) =>
    Promise.resolve({ path: source.name, offset: entry.offset, length: entry.size }),
  );
}

/** The images of a tar stream, each with its bytes; labels as in {@link tarImages}. */
export function tarStreamImages(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  options?: TarImagesOptions,
): AsyncGenerator<ImageItem> {
  const input = sequentialStream(chunks);
  return imagesOf(name, input, options ?? {}, async (entry) => ({
    bytes: await bodyOf(name, input, entry, maxStreamedImage),
  }));
}

async function* imagesOf(
  archive: string,
  input: SequentialBytes,
  { onFolder, signal }: TarImagesOptions,
  contentOf: (entry: TarEntry) => Promise<ImageContent>,
): AsyncGenerator<ImageItem> {
  let sampleKey: string | undefined;
  let label: string | undefined;
  let held: ImageItem[] = [];
  const sample = (): ImageItem[] => {
    const items = label === undefined ? held : held.map((item) => ({ ...item, label: label! }));
    held = [];
    return items;
  };

  for await (const entry of tarEntries(archive, input)) {
    signal?.throwIfAborted();
    const path = entry.path.replace(/^(?:\.?\/)+/, "");
    const folders = path.split("/");
    const file = folders.pop()!;
    if (folders.some(isHiddenName) || isHiddenName(file)) continue;
    if (entry.type === "directory") {
      onFolder?.(path, false);
      continue;
    }

    const stem = file.split(".", 1)[0]!;
    const key = [...folders, stem].join("/");
    if (key !== sampleKey || held.length >= maxSampleFields) {
      yield* sample();
      if (key !== sampleKey) label = undefined;
      sampleKey = key;
    }

    if (isImagePath(file)) {
      if (entry.type === "link") throw linkRefusal(archive, entry);
      if (entry.type !== "file") continue;
      const folder = folders.at(-1);
      onFolder?.(folders.join("/"), true);
      const item = { id: `${archive}/${path}`, content: await contentOf(entry) };
      held.push(folder === undefined ? item : { ...item, label: folder });
    } else if (entry.type === "file") {
      const field = file.slice(stem.length + 1);
      label =
        (await labelOfField(field, `${archive}/${path}`, (limit) => bodyOf(archive, input, entry, limit))) ??
        label;
    }
  }
  yield* sample();
}

async function bodyOf(
  archive: string,
  input: SequentialBytes,
  entry: TarEntry,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (entry.size > limit) {
    throw new DataError(
      "data/entry-too-large",
      `${archive}: ${entry.path} has ${entry.size} bytes, at most ${limit} are read of such an entry.`,
    );
  }
  const bytes = await input.read(entry.size);
  if (bytes.byteLength < entry.size) {
    throw new DataError(
      "data/tar-truncated",
      `${archive}: the archive ends inside ${entry.path}, after ${bytes.byteLength} of its ${entry.size} bytes.`,
    );
  }
  return bytes;
}

function linkRefusal(archive: string, entry: TarEntry): DataError {
  return new DataError(
    "data/tar-link",
    `${archive}: ${entry.path} is a link and has no bytes of its own. Pack with "tar --dereference --hard-dereference".`,
  );
}
