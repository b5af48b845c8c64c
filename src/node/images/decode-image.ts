import type { Sharp } from "sharp";
import { ImageError } from "../../core/index.ts";
import { crop } from "../../image/augment/geometric-transforms.ts";
import {
  cmykToRgb,
  decodeBmp,
  decodePnm,
  defaultMaxPixels,
  imageTooLarge,
  type DecodeImage,
  type DecodeOptions,
} from "../../image/decode-image.ts";
import {
  conversionOf,
  gifFirstFrame,
  imageFormat,
  isTruncated,
  jpegFrame,
  tiffTag,
  type ImageFormat,
} from "../../image/image-format.ts";
import { exifOrientation as exifOrientationOf } from "../../image/image-header.ts";
import type { Size, Window } from "../../image/resize.ts";
import type { RgbImage } from "../../image/rgb-image.ts";
import { loadSharp } from "./load-sharp.ts";

/** Decodes with sharp; see docs/preprocessing.md for what is exact, what differs and what is refused. */
export const decodeImage: DecodeImage = (bytes, options = {}) =>
  decodeFormat(bytes, options, (format, open) =>
    decode(format, bytes, open, options.maxPixels ?? defaultMaxPixels),
  );

/** Gives `decodeWith` the format and sharp with the settings that all decoding shares, and names its errors. */
async function decodeFormat(
  bytes: Uint8Array,
  { maxPixels = defaultMaxPixels, exifOrientation = false, shortestSide }: DecodeOptions,
  decodeWith: (format: ImageFormat, open: Open) => Promise<RgbImage>,
): Promise<RgbImage> {
  const format = supportedFormat(bytes);
  const sharp = loadSharp();
  const open = (input: Uint8Array): Sharp => {
    const image = sharp(input, {
      ignoreIcc: true,
      failOn: "error",
      limitInputPixels: maxPixels,
      // Pillow turns TIFF files while it loads them.
      autoOrient: exifOrientation || format === "tiff",
    });
    const scaled = format === "jpeg" && shortestSide !== undefined && scaledSize(bytes, shortestSide);
    if (!scaled) return image;
    const isOnSide = exifOrientation && exifOrientationOf(format, bytes) > 4;
    const [width, height] = isOnSide ? [scaled.height, scaled.width] : [scaled.width, scaled.height];
    // libjpeg scales while it decodes; nothing, or a pixel at the edge, is left to do.
    return image.resize(width, height, { fit: "fill", kernel: "linear", fastShrinkOnLoad: true });
  };
  try {
    return await decodeWith(format, open);
  } catch (error) {
    throw error instanceof ImageError ? error : decodingError(error, format, bytes, maxPixels);
  }
}

/** The size of a JPEG at the smallest of the decoder's scales that keeps both sides this long; undefined for its own size. */
function scaledSize(jpeg: Uint8Array, shortestSide: number): Size | undefined {
  const frame = jpegFrame(jpeg);
  if (!frame) return undefined;
  const scale = [8, 4, 2].find((each) => Math.min(frame.width, frame.height) >= each * shortestSide);
  return scale === undefined
    ? undefined
    : { width: Math.floor(frame.width / scale), height: Math.floor(frame.height / scale) };
}

/** All other formats are refused before any decoder sees them. */
const decodable: ReadonlySet<ImageFormat> = new Set([
  "jpeg",
  "png",
  "webp",
  "gif",
  "tiff",
  "avif",
  "bmp",
  "pnm",
]);

function supportedFormat(bytes: Uint8Array): ImageFormat {
  if (bytes.byteLength === 0) throw new ImageError("image/empty", "The image file is empty (0 bytes).");
  const format = imageFormat(bytes);
  if (format === undefined) {
    throw new ImageError("image/unknown-format", "The file is no image in a format that is known here.");
  }
  if (!decodable.has(format)) {
    throw new ImageError(
      "image/unsupported-format",
      `The file is ${format}, which is not read; ${conversionOf(format)}.`,
    );
  }
  return format;
}

type Open = (input: Uint8Array) => Sharp;

async function decode(
  format: ImageFormat,
  bytes: Uint8Array,
  open: Open,
  maxPixels: number,
): Promise<RgbImage> {
  if (format === "bmp") return decodeBmp(bytes, maxPixels);
  if (format === "pnm") return decodePnm(bytes, maxPixels);
  if (format === "gif") {
    const frame = gifFirstFrame(bytes);
    const image = await decodeRgb(open(frame?.opaque ?? bytes));
    return frame?.fillAround(image) ?? image;
  }
  if (format === "jpeg" && jpegFrame(bytes)?.components === 4) return decodeCmyk(open(bytes));
  if (format === "tiff" && isPlainYCbCr(bytes)) {
    throw new ImageError(
      "image/unsupported-format",
      "The tiff holds YCbCr that is not JPEG-compressed; convert it to RGB, or to PNG or JPEG.",
    );
  }
  if (format === "png" && isGrey16(bytes)) return decodeGrey16(open(bytes));
  if (format === "tiff") {
    const { space } = await open(bytes).metadata();
    if (space === "cmyk") return decodeCmyk(open(bytes));
    if (space === "grey16") return decodeGrey16(open(bytes));
  }
  return decodeRgb(open(bytes));
}

/** Bit depth 16 and colour type 0 in the header, which is a PNG's first chunk. */
function isGrey16(png: Uint8Array): boolean {
  return png[24] === 16 && png[25] === 0;
}

/** sharp would take such pixels for RGB. */
function isPlainYCbCr(tiff: Uint8Array): boolean {
  const photometricInterpretation = tiffTag(tiff, 262);
  const compression = tiffTag(tiff, 259);
  return photometricInterpretation === 6 && compression !== 6 && compression !== 7;
}

/** Decodes what sharp takes for RGB or grey as Pillow does. */
async function decodeRgb(image: Sharp): Promise<RgbImage> {
  const { data, info } = await image
    .toColourspace("srgb")
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

/** sharp's own conversion goes through a colour profile, Pillow's does not. */
async function decodeCmyk(image: Sharp): Promise<RgbImage> {
  const { data, info } = await image
    .pipelineColourspace("cmyk")
    .toColourspace("cmyk")
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: cmykToRgb(data) };
}

/** Pillow clips 16-bit grey to 255 where sharp divides by 256. */
async function decodeGrey16(image: Sharp): Promise<RgbImage> {
  const { data, info } = await image
    .toColourspace("grey16")
    .removeAlpha()
    .raw({ depth: "ushort" })
    .toBuffer({ resolveWithObject: true });
  const grey = new Uint16Array(data.buffer, data.byteOffset, info.width * info.height);
  const rgb = new Uint8Array(grey.length * 3);
  for (let i = 0; i < grey.length; i++) rgb.fill(Math.min(grey[i]!, 255), 3 * i, 3 * i + 3);
  return { width: info.width, height: info.height, data: rgb };
}

function decodingError(
  error: unknown,
  format: ImageFormat,
  bytes: Uint8Array,
  maxPixels: number,
): ImageError {
  const reason = error instanceof Error ? error.message.split("\n")[0]! : String(error);
  if (reason.includes("exceeds pixel limit")) return imageTooLarge(maxPixels, "too many pixels");
  return isTruncated(format, bytes)
    ? new ImageError("image/truncated", `The ${format} image ends too early: copy it again (${reason}).`, {
        cause: error,
      })
    : new ImageError("image/corrupt", `The ${format} image cannot be decoded (${reason}).`, { cause: error });
}

/**
 * Decodes a part of an image: the bytes that {@link decodeImage} gives there.
 *
 * A JPEG is decoded only down to the last row of the part. A file that ends too early is refused wherever it is cut;
 * damage that the decoder would only notice below the part stays unseen.
 *
 * @param choose Called with the size of the image; the part lies inside.
 * @throws ImageError as {@link decodeImage}, before or after `choose` is called.
 */
export async function decodePart(
  bytes: Uint8Array,
  choose: (size: Size) => Window,
  options: DecodeOptions = {},
): Promise<RgbImage> {
  const size = sizeBeforeDecoding(bytes, options);
  if (!size) {
    const image = await decodeImage(bytes, options);
    return crop(image, choose(image));
  }
  return decodeFormat(bytes, options, (_, open) => decodeRgb(open(bytes).extract(choose(size))));
}

/** The size of an image whose parts can be decoded alone; others need the whole decoder, or a turn. */
function sizeBeforeDecoding(bytes: Uint8Array, { exifOrientation }: DecodeOptions): Size | undefined {
  if (exifOrientation || imageFormat(bytes) !== "jpeg" || isTruncated("jpeg", bytes)) return undefined;
  const frame = jpegFrame(bytes);
  return frame && frame.width > 0 && frame.height > 0 && frame.components < 4 ? frame : undefined;
}
