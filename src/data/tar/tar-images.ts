import { DataError, type ByteSource } from "../../core/index.ts";
import type { ImageContent, ImageItem } from "../image-source.ts";
import { isHiddenName, isImagePath } from "../input-kind.ts";
import {
  sequentialSource,
  sequentialStream,
  tarEntries,
  type SequentialBytes,
  type TarEntry,
} from "./tar-entries.ts";

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

const maxClassBytes = 4096;
const maxJsonBytes = 16 * 1024 * 1024;

/**
 * The label in a field of a WebDataset sample: the text of `.cls`, or "label" of `.json`.
 *
 * Other fields, captions in `.txt` among them, carry no label.
 */
async function labelOfField(
  field: string,
  where: string,
  read: (limit: number) => Promise<Uint8Array>,
): Promise<string | undefined> {
  if (field === "cls") {
    const label = new TextDecoder().decode(await read(maxClassBytes)).trim();
    if (label === "") {
      throw new DataError("data/label", `${where}: expected a class index or name, the field is empty.`);
    }
    return label;
  }
  if (field === "json") return jsonLabel(new TextDecoder().decode(await read(maxJsonBytes)), where);
  return undefined;
}

function jsonLabel(text: string, where: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DataError("data/label", `${where}: expected JSON, the field cannot be parsed.`, { cause });
  }
  if (typeof value !== "object" || value === null || !("label" in value)) return undefined;
  const { label } = value;
  return typeof label === "string" || typeof label === "number" ? String(label) : undefined;
}

/** Gathers the class names of an archive while it is walked. */
export interface ClassCollector {
  label(name: string): void;
  folder(path: string, holdsImages: boolean): void;
  /** The labels, and the folders that hold neither images nor folders: classes that happen to be empty. */
  classes(): string[];
}

/** A collector that has seen nothing; its memory grows with the folders, not with the images. */
export function classCollector(): ClassCollector {
  const labels = new Set<string>();
  const folders = new Map<string, boolean>();
  return {
    label: (name) => labels.add(name),
    folder: (path, holdsImages) => {
      const key = path.replace(/\/+$/, "");
      if (key !== "") folders.set(key, holdsImages || (folders.get(key) ?? false));
    },
    classes: () => {
      const parents = new Set([...folders.keys()].flatMap(ancestors));
      const empty = [...folders].filter(([path, holdsImages]) => !holdsImages && !parents.has(path));
      return [...new Set([...labels, ...empty.map(([path]) => path.slice(path.lastIndexOf("/") + 1))])];
    },
  };
}

function ancestors(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
}
