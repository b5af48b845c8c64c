import { DataError, type ByteSource } from "../../core/index.ts";
import type { ImageContent, ImageItem } from "../image-source.ts";
import { isHiddenName, isImagePath, maskedPicture } from "../input-kind.ts";
import { isLabelField, labelOfField, type FieldLabel } from "./label-fields.ts";
import { isOfRun, isRunFile, runFileBytes } from "../sources/run-folder.ts";
import {
  sequentialSource,
  sequentialStream,
  tarEntries,
  type SequentialBytes,
  type TarEntry,
} from "./tar-entries.ts";

/** Settings of a walk through an archive. */
export interface TarImagesOptions {
  /** Told of each folder, by the names on the way to it; some come several times. */
  readonly onFolder?: (folders: readonly string[]) => void;
  /** Told of each folder of a run. */
  readonly onRun?: (folders: readonly string[]) => void;
  /** Told of each file that is no image, or the mask of one, by the path of archive and entry. */
  readonly onOther?: (path: string) => void;
  /** The class of an image by the folders that it lies in. @default the name of the last, as timm's tar reader takes it */
  readonly labelOf?: (folders: readonly string[]) => string | undefined;
  /** Whether the fields are read that hold labels. @default true */
  readonly readLabels?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

// Larger than any image that is decoded; keeps a header's claim from filling memory when streaming.
const maxStreamedImage = 512 * 1024 * 1024;

/**
 * The images of a tar file, located by offset so that whoever needs one reads it alone.
 *
 * The label is the sample's WebDataset `.cls` or the "label" of its `.json`, else the folder that holds the
 * image (the leaf, as timm's tar reader takes it, so that an archive may have a root folder). A field belongs to every image
 * whose name goes on behind a dot where that of the field ends: `a.b.cls` to `a.b.jpg` and `a.b.left.jpg`, but not to
 * `a.c.jpg`. The mask of a picture is none itself.
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

const leaf = (folders: readonly string[]): string | undefined => folders.at(-1);

async function* imagesOf(
  archive: string,
  input: SequentialBytes,
  { onFolder, onRun, onOther, labelOf = leaf, readLabels = true, signal }: TarImagesOptions,
  contentOf: (entry: TarEntry) => Promise<ImageContent>,
): AsyncGenerator<ImageItem> {
  const samples = sampleWindow(readLabels, onOther);
  for await (const entry of tarEntries(archive, input)) {
    signal?.throwIfAborted();
    const path = entry.path.replace(/^(?:\.?\/)+/, "");
    const folders = path.split("/");
    const file = folders.pop()!;
    if (folders.some(isHiddenName) || isHiddenName(file)) continue;
    if (entry.type === "directory") {
      onFolder?.(path.split("/").filter((name) => name !== ""));
      continue;
    }
    onFolder?.(folders);
    yield* samples.moveTo([...folders, file.split(".", 1)[0]!].join("/"));
    if (isImagePath(file)) {
      if (entry.type !== "file" && entry.type !== "link") continue;
      const folder = labelOf(folders);
      const item = {
        id: `${archive}/${path}`,
        content: entry.type === "link" ? link : await contentOf(entry),
      };
      samples.addImage(path, folder === undefined ? item : { ...item, label: folder });
      continue;
    }
    onOther?.(`${archive}/${path}`);
    if (entry.type !== "file") continue;
    if (readLabels && isLabelField(file)) {
      samples.addLabel(path, await labelOfField(file, (limit) => bodyOf(archive, input, entry, limit)));
    } else if (onRun && isRunFile(file)) {
      if (isOfRun(file, await input.read(Math.min(entry.size, runFileBytes)))) onRun(folders);
    }
  }
  yield* samples.end();
}

/** Images that wait for the fields of their sample, and for the picture that they may be a mask of. */
interface SampleWindow {
  /** Told what the name of the next entry is up to its first dot. @returns images that nothing is awaited for any more */
  moveTo(stem: string): Iterable<ImageItem>;
  addImage(path: string, item: ImageItem): void;
  addLabel(path: string, label: FieldLabel | undefined): void;
  end(): Iterable<ImageItem>;
}

interface WaitingImage {
  readonly path: string;
  readonly item: ImageItem;
  /** Its name up to the first dot. */
  readonly stem: string;
  /** Images before it. */
  readonly order: number;
}

// Entries are held no longer than this, in images and in bytes: archives have names that agree up to a dot without end.
const longestWait = 4096;
const mostHeldBytes = 64 * 1024 * 1024;

function sampleWindow(withLabels: boolean, onMask?: (path: string) => void): SampleWindow {
  let stem = "";
  let images = 0;
  let heldBytes = 0;
  const waiting: WaitingImage[] = [];
  // Both in the order in which they came, so that the oldest can be forgotten.
  const pictures = new Set<string>();
  const labels = new Map<string, FieldLabel>();

  const isDue = ({ path, stem: own, order }: WaitingImage): boolean => {
    if (images - order > longestWait || heldBytes > mostHeldBytes) return true;
    const picture = maskedPicture(withoutEnding(path));
    return !(withLabels && own === stem) && (picture === undefined || pictures.has(picture));
  };
  function* release(isReleased: (image: WaitingImage) => boolean): Generator<ImageItem> {
    while (waiting.length > 0 && isReleased(waiting[0]!)) {
      const { path, item } = waiting.shift()!;
      heldBytes -= bytesOf(item);
      const picture = maskedPicture(withoutEnding(path));
      if (picture === undefined || !pictures.has(picture)) yield labelled(path, item);
      else onMask?.(item.id);
    }
  }
  const labelled = (path: string, item: ImageItem): ImageItem => {
    for (let end = path.length; end > path.lastIndexOf("/"); end = path.lastIndexOf(".", end - 1)) {
      const found = labels.get(path.slice(0, end));
      if (found !== undefined) {
        const { label: _, ...rest } = item;
        return { ...rest, ...found };
      }
    }
    return item;
  };
  return {
    *moveTo(next) {
      stem = next;
      yield* release(isDue);
      forgetOldest(labels, longestWait);
      forgetOldest(pictures, longestWait);
    },
    addImage(path, item) {
      waiting.push({ path, item, stem, order: images++ });
      pictures.add(withoutEnding(path));
      heldBytes += bytesOf(item);
    },
    addLabel(path, label) {
      const key = withoutEnding(path);
      // What a .cls says goes before what a .json does, whichever comes first.
      if (label !== undefined && (path.toLowerCase().endsWith(".cls") || !labels.has(key)))
        labels.set(key, label);
    },
    end: () => release(() => true),
  };
}

const withoutEnding = (path: string): string => path.slice(0, path.lastIndexOf("."));

const bytesOf = ({ content }: ImageItem): number => ("bytes" in content ? content.bytes.byteLength : 0);

/** Takes out what was put in first, until so many are left. */
function forgetOldest(kept: Set<string> | Map<string, unknown>, most: number): void {
  for (const key of kept.keys()) {
    if (kept.size <= most) return;
    kept.delete(key);
  }
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

const link: ImageContent = {
  missing:
    'the entry is a link and has no bytes of its own. Pack with "tar --dereference --hard-dereference".',
};
