import { SslResnextError } from "../../core/index.ts";
import { readContent, type ImageItem } from "../../data/index.ts";
import {
  decodeOptionsOf,
  type DecodeLimits,
  type DecodeOptions,
  type Preprocessing,
} from "../../image/index.ts";
import { overlayHeat, type Explained } from "../../predict/index.ts";
import { nodeStorageFor } from "../files/file-storage.ts";
import { decodeImage } from "./decode-image.ts";
import { loadSharp } from "./load-sharp.ts";

/**
 * Draws where a class was seen: the heat map over the photograph, which is read once more.
 *
 * @param preprocessing That of the model, which says how the photograph was turned and where the crop lay.
 * @param limits As the model's images were decoded.
 * @returns A PNG of the photograph's size.
 * @throws DataError when the photograph is gone; ImageError when it cannot be decoded any more.
 */
export async function explanationPng(
  { item, map }: Pick<Explained, "item" | "map">,
  preprocessing: Preprocessing,
  limits: DecodeLimits = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const photo = await decodeImage(
    await readContent(nodeStorageFor, item),
    decodeOptionsOf(preprocessing, limits),
  );
  const { width, height, data } = overlayHeat(photo, map, preprocessing);
  const sharp = loadSharp();
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  return new Uint8Array(png);
}

const side = 128;

/** A small JPEG of an image as a `data:` URL; undefined when the image cannot be read any more. */
export async function thumbnail(item: ImageItem, decode: DecodeOptions): Promise<string | undefined> {
  try {
    const { data, width, height } = await decodeImage(await readContent(nodeStorageFor, item), decode);
    const sharp = loadSharp();
    const jpeg = await sharp(data, { raw: { width, height, channels: 3 } })
      .resize(side, side, { fit: "inside" })
      .jpeg({ quality: 75 })
      .toBuffer();
    return `data:image/jpeg;base64,${jpeg.toString("base64")}`;
  } catch (error) {
    if (error instanceof SslResnextError) return undefined;
    throw error;
  }
}
