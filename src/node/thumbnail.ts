import sharp from "sharp";
import { SslResnextError } from "../core/index.ts";
import type { ImageItem } from "../data/index.ts";
import type { DecodeOptions } from "../image/index.ts";
import { decodeImage } from "./decode-image.ts";
import { readContent } from "./images/index.ts";

const side = 128;

/** A small JPEG of an image as a `data:` URL; undefined when the image cannot be read any more. */
export async function thumbnail(item: ImageItem, decode: DecodeOptions): Promise<string | undefined> {
  try {
    const { data, width, height } = await decodeImage(await readContent(item), decode);
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
