import { ImageError } from "../../core/index.ts";
import {
  decodeBmp,
  decodePnm,
  defaultMaxPixels,
  imageTooLarge,
  type DecodeImage,
} from "../../image/decode-image.ts";
import {
  conversionOf,
  gifFirstFrame,
  imageFormat,
  isTruncated,
  jpegFrame,
  type ImageFormat,
} from "../../image/image-format.ts";
import { exifOrientation, headerSize, turnUpright, webpFirstFrame } from "../../image/image-header.ts";
import type { RgbImage } from "../../image/rgb-image.ts";
import { pixelsOf, rgbOf } from "./pixels.ts";

/**
 * Decodes in a page or a worker, to the bytes that Node's `decodeImage` gives, or with the same errors.
 *
 * JPEG, PNG and WebP go through libjpeg, libwebp and a PNG decoder in WebAssembly (`@jsquash/*`), which are loaded when
 * they are first needed: the browser's own decoder applies colour profiles, orientation and alpha. It reads GIF and AVIF;
 * AVIF may differ from Node by a rounding. TIFF and CMYK are refused; docs/browser.md has the table.
 *
 * @throws ImageError as `DecodeImage` says; `image/decoder-missing` where the package of a format is not installed
 */
export const decodeImage: DecodeImage = async (bytes, options = {}) => {
  const { maxPixels = defaultMaxPixels, exifOrientation: upright = false } = options;
  const format = supportedFormat(bytes);
  if (format === "bmp") return decodeBmp(bytes, maxPixels);
  if (format === "pnm") return decodePnm(bytes, maxPixels);
  const size = headerSize(format, bytes);
  if (size && size.width * size.height > maxPixels) {
    throw imageTooLarge(maxPixels, `${size.width} x ${size.height} pixels`);
  }
  // The decoders fill up what is missing, without a word.
  if (isTruncated(format, bytes)) throw truncated(format);
  if (format === "jpeg" && jpegFrame(bytes)?.components === 4) {
    throw new ImageError(
      "image/unsupported-format",
      "The file is a CMYK jpeg, which is not read; save it as RGB.",
    );
  }
  const image = await decoders[format](bytes).catch((cause: unknown) => {
    if (cause instanceof ImageError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError("image/corrupt", `The ${format} image cannot be decoded (${reason}).`, { cause });
  });
  return upright ? turnUpright(image, exifOrientation(format, bytes)) : image;
};

type Decoded = "jpeg" | "png" | "webp" | "gif" | "avif";

function supportedFormat(bytes: Uint8Array): Decoded | "bmp" | "pnm" {
  if (bytes.byteLength === 0) throw new ImageError("image/empty", "The image file is empty (0 bytes).");
  const format = imageFormat(bytes);
  if (format === undefined) {
    throw new ImageError("image/unknown-format", "The file is no image in a format that is known here.");
  }
  if (format === "bmp" || format === "pnm" || format in decoders) return format as Decoded;
  throw new ImageError(
    "image/unsupported-format",
    `The file is ${format}, which is not read; ${conversionOf(format)}.`,
  );
}

const truncated = (format: ImageFormat): ImageError =>
  new ImageError("image/truncated", `The ${format} image ends too early: copy it again.`);

const decoders: Readonly<Record<Decoded, (bytes: Uint8Array) => Promise<RgbImage>>> = {
  jpeg: quietDecoder("jpeg", () => import("@jsquash/jpeg/decode.js")),
  async png(bytes) {
    const { decode } = await installed("png", () => import("@jsquash/png/decode.js"));
    return isGrey16(bytes)
      ? grey16(await decode(ownBuffer(bytes), { bitDepth: 16 }))
      : rgbOf(await decode(ownBuffer(bytes)));
  },
  async webp(bytes) {
    const frame = webpFirstFrame(bytes);
    const image = await decodeWebp(frame?.still ?? bytes);
    return frame ? onCanvas(image, frame) : image;
  },
  async gif(bytes) {
    const frame = gifFirstFrame(bytes);
    const image = await nativeDecode(frame?.opaque ?? bytes);
    return frame?.fillAround(image) ?? image;
  },
  avif: nativeDecode,
};

const decodeWebp = quietDecoder("webp", () => import("@jsquash/webp/decode.js"));

/** A decoder that was compiled with Emscripten. */
interface EmscriptenDecoder {
  readonly default: (file: ArrayBuffer) => Promise<ImageData>;
  readonly init: (options: { readonly printErr: () => void }) => Promise<void>;
}

/** Keeps the decoder's remarks off the console; one that aborted is of no use any more, and the next image gets a new one. */
function quietDecoder(
  format: string,
  load: () => Promise<EmscriptenDecoder>,
): (bytes: Uint8Array) => Promise<RgbImage> {
  const open = async (): Promise<EmscriptenDecoder> => {
    const decoder = await installed(format, load);
    await decoder.init({ printErr: () => undefined });
    return decoder;
  };
  let opened: Promise<EmscriptenDecoder> | undefined;
  return async (bytes) => {
    opened ??= open();
    try {
      const { default: decode } = await opened;
      return rgbOf(await decode(ownBuffer(bytes)));
    } catch (error) {
      opened = undefined;
      throw error;
    }
  };
}

async function installed<Module>(format: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    throw new ImageError(
      "image/decoder-missing",
      `The file is ${format}; install @jsquash/${format} to read it in browsers, and see that it can be loaded.`,
      { cause },
    );
  }
}

/** The bytes alone in memory of their own, as the decoders want them. */
const ownBuffer = (bytes: Uint8Array): ArrayBuffer => bytes.slice().buffer;

/** Bit depth 16 and colour type 0 in the header, which is a PNG's first chunk. */
const isGrey16 = (png: Uint8Array): boolean => png[24] === 16 && png[25] === 0;

/** Pillow clips 16-bit grey to 255. */
function grey16({ width, height, data }: { width: number; height: number; data: Uint16Array }): RgbImage {
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) rgb.fill(Math.min(data[4 * i]!, 255), 3 * i, 3 * i + 3);
  return { width, height, data: rgb };
}

/** A frame that does not fill its animation lies on black. */
function onCanvas(
  image: RgbImage,
  { canvas, left, top }: { readonly canvas: { width: number; height: number }; left: number; top: number },
): RgbImage {
  if (image.width === canvas.width && image.height === canvas.height) return image;
  const data = new Uint8Array(canvas.width * canvas.height * 3);
  const bytes = 3 * Math.max(0, Math.min(image.width, canvas.width - left));
  for (let y = 0; y < Math.min(image.height, canvas.height - top); y++) {
    const row = y * image.width * 3;
    data.set(image.data.subarray(row, row + bytes), ((y + top) * canvas.width + left) * 3);
  }
  return { ...canvas, data };
}

/** The browser's own decoder, without colour profile, orientation or multiplied alpha. */
async function nativeDecode(bytes: Uint8Array): Promise<RgbImage> {
  const bitmap = await createImageBitmap(new Blob([bytes.slice()]), {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
    imageOrientation: "none" as ImageOrientation,
  });
  try {
    return pixelsOf(bitmap);
  } finally {
    bitmap.close();
  }
}
