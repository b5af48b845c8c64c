import sharp from "sharp";
import type { DecodeOptions, Preprocessing } from "../image/index.ts";
import { overlayHeat, type Explained } from "../predict/index.ts";
import { decodeImage } from "./decode-image.ts";
import { readContent } from "./images/content-reader.ts";

/**
 * Draws where a class was seen: the heat map over the photograph, which is read once more.
 *
 * @param preprocessing That of the model, which says where its crop lay.
 * @param decode As the model's images were decoded.
 * @returns A PNG of the photograph's size.
 * @throws DataError when the photograph is gone; ImageError when it cannot be decoded any more.
 */
export async function explanationPng(
  { item, map }: Pick<Explained, "item" | "map">,
  preprocessing: Preprocessing,
  decode: DecodeOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const photo = await decodeImage(await readContent(item), decode);
  const { width, height, data } = overlayHeat(photo, map, preprocessing);
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  return new Uint8Array(png);
}
