import { concatSources, isImagePath, type ImageItem, type ImageSource } from "../../data/index.ts";
import { imageFormat } from "../../image/image-format.ts";
import type { RgbImage } from "../../image/rgb-image.ts";
import { imageItem, type ImageInput } from "../../predict/model.ts";
import { blobUri } from "../storage/browser-storage.ts";
import { isPixelSource, pixelsOf, type PixelSource } from "./pixels.ts";

/**
 * An image as a page has it: an address, a File or Blob, its bytes, or something that is shown.
 *
 * Files, Blobs, bytes and addresses are decoded to the bytes that Node gives; so is an `<img>` whose file this page may
 * fetch. Of canvases, bitmaps, video and other `<img>` the pixels are taken as the browser shows them.
 */
export type PageImage = ImageInput | PixelSource;

type Item = Pick<ImageItem, "id" | "content" | "label" | "exact">;

/** The item of one image; its bytes are read where it is decoded. */
export async function itemOf(image: PageImage): Promise<Item> {
  if (image instanceof Blob) return fileItem(image);
  if (!isPixelSource(image)) {
    const { id, content } = await imageItem(image);
    return "path" in content ? { id, content: { path: absolute(content.path) } } : { id, content };
  }
  const name = nameOf(image);
  const file = isImageElement(image) ? await fileBehind(image) : undefined;
  if (file) return { id: name, content: { blob: file } };
  return { id: name, content: { bytes: portablePixmap(pixelsOf(image)) }, exact: false };
}

const fileItem = (blob: Blob): Item => ({
  id: blob instanceof File ? blob.webkitRelativePath || blob.name : "image",
  content: { blob },
});

const isImageElement = (image: PixelSource): image is HTMLImageElement =>
  typeof HTMLImageElement === "function" && image instanceof HTMLImageElement;

const nameOf = (image: PixelSource): string =>
  ("currentSrc" in image && image.currentSrc) || image.constructor.name;

/** The file of an `<img>`, where this page may fetch it and it is of a format that has pixels. */
async function fileBehind({ currentSrc, src }: HTMLImageElement): Promise<Blob | undefined> {
  const url = new URL(currentSrc || src, document.baseURI);
  if (!["data:", "blob:"].includes(url.protocol) && url.origin !== location.origin) return undefined;
  try {
    const file = await (await fetch(url)).blob();
    const format = imageFormat(new Uint8Array(await file.slice(0, 512).arrayBuffer()));
    return format === undefined || format === "svg" ? undefined : file;
  } catch {
    return undefined;
  }
}

/** Pixels as the simplest of formats, which every worker reads. */
function portablePixmap({ width, height, data }: RgbImage): Uint8Array<ArrayBuffer> {
  const header = new TextEncoder().encode(`P6 ${width} ${height} 255\n`);
  const file = new Uint8Array(header.length + data.length);
  file.set(header);
  file.set(data, header.length);
  return file;
}

/** An address as workers understand it, which have an address of their own. */
const absolute = (address: string): string =>
  /^[a-z][a-z0-9+.-]+:/i.test(address) ? address : new URL(address, document.baseURI).href;

/** One image or many, an archive or table among them too. */
export type PageImages = PageImage | Iterable<PageImage> | FileList;

/**
 * Finds the images of one or more inputs, in their order: what `itemOf` takes, folders that were chosen, and `.tar`, `.tar.gz`
 * and `.parquet` as Files or addresses.
 *
 * @param openNamed Opens what has a name: archives, tables and addresses.
 */
export async function imagesOf(
  inputs: PageImages,
  openNamed: (names: readonly string[]) => Promise<ImageSource>,
): Promise<ImageSource> {
  const sources: ImageSource[] = [];
  let items: PageImage[] = [];
  let folder = "";
  const flush = async (): Promise<void> => {
    if (items.length > 0) sources.push(await itemsIn(folder, items));
    items = [];
  };
  for (const input of listOf(inputs)) {
    const name = typeof input === "string" ? absolute(input) : isArchive(input) ? blobUri(input) : undefined;
    if (name !== undefined || folderOf(input) !== folder) await flush();
    folder = folderOf(input);
    if (name === undefined) items.push(input);
    else sources.push(await openNamed([name]));
  }
  await flush();
  return sources.length === 1 ? sources[0]! : concatSources(sources);
}

const listOf = (inputs: PageImages): readonly PageImage[] =>
  typeof inputs === "object" && Symbol.iterator in inputs && !(inputs instanceof Uint8Array)
    ? [...inputs]
    : [inputs];

const isArchive = (input: PageImage): input is File =>
  input instanceof File && !isImagePath(input.name) && /\.(tar|tgz|tar\.gz|parquet)$/i.test(input.name);

/** The folder that was chosen when this image came with it; empty for what was given by itself. */
export const folderOf = (image: PageImage): string =>
  (image instanceof File && image.webkitRelativePath.split("/")[0]) || "";

/** Images of a folder that was chosen, or given by themselves. */
async function itemsIn(folder: string, images: readonly PageImage[]): Promise<ImageSource> {
  if (folder === "") return itemSource(images);
  // Loaded when the first folder is chosen.
  const { chosenFolder } = await import("./chosen-folder.ts");
  return chosenFolder(
    folder,
    images.filter((image) => image instanceof File),
  );
}

function itemSource(images: readonly PageImage[]): ImageSource {
  return {
    classes: undefined,
    size: images.length,
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      for (const image of images) yield itemOf(image);
    },
  };
}
