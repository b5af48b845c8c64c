import { ImageError } from "../../core/index.ts";
import type { RgbImage } from "../../image/rgb-image.ts";

/** What a page shows, or holds in memory: everything that has pixels already. */
export type PixelSource =
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | ImageBitmap
  | ImageData
  | VideoFrame;

/** Whether this is one of the page's objects that have pixels. */
export function isPixelSource(value: unknown): value is PixelSource {
  return kinds.some((kind) => {
    const constructor = (globalThis as Readonly<Record<string, unknown>>)[kind];
    return typeof constructor === "function" && value instanceof constructor;
  });
}

const kinds = [
  "HTMLImageElement",
  "HTMLVideoElement",
  "HTMLCanvasElement",
  "OffscreenCanvas",
  "ImageBitmap",
  "ImageData",
  "VideoFrame",
];

/**
 * The pixels as the browser shows them: it has applied the orientation, the colour profile and, with transparent images,
 * alpha, so that they may differ by a few grey levels from the decoded file.
 *
 * @throws ImageError `image/empty` for an image that is not loaded or has no size; `image/other-origin` where the browser
 *   keeps the pixels from scripts
 */
export function pixelsOf(source: PixelSource): RgbImage {
  if (source instanceof ImageData) return rgbOf(source);
  const [width, height] = sizeOf(source);
  if (!(width > 0 && height > 0)) {
    throw new ImageError(
      "image/empty",
      `The ${source.constructor.name} has ${width} x ${height} pixels; wait until it is loaded (image.decode()).`,
    );
  }
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context)
    throw new ImageError("image/too-large", `No canvas of ${width} x ${height} pixels is to be had.`);
  context.drawImage(source, 0, 0, width, height);
  try {
    return rgbOf(context.getImageData(0, 0, width, height));
  } catch (cause) {
    throw new ImageError(
      "image/other-origin",
      "The image is of another origin, and the browser keeps its pixels from scripts: load it with crossorigin, or " +
        "give its address.",
      { cause },
    );
  }
}

function sizeOf(source: Exclude<PixelSource, ImageData>): readonly [width: number, height: number] {
  if ("naturalWidth" in source) return [source.naturalWidth, source.naturalHeight];
  if ("videoWidth" in source) return [source.videoWidth, source.videoHeight];
  if ("displayWidth" in source) return [source.displayWidth, source.displayHeight];
  return [source.width, source.height];
}

/** An image as canvases take it. */
export function imageDataOf({ width, height, data }: RgbImage): ImageData {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let s = 0, o = 0; s < data.length; s += 3, o += 4) {
    rgba[o] = data[s]!;
    rgba[o + 1] = data[s + 1]!;
    rgba[o + 2] = data[s + 2]!;
  }
  return new ImageData(rgba, width, height);
}

/** Drops alpha. */
export function rgbOf({ width, height, data }: Pick<ImageData, "width" | "height" | "data">): RgbImage {
  const rgb = new Uint8Array(width * height * 3);
  for (let s = 0, o = 0; o < rgb.length; s += 4, o += 3) {
    rgb[o] = data[s]!;
    rgb[o + 1] = data[s + 1]!;
    rgb[o + 2] = data[s + 2]!;
  }
  return { width, height, data: rgb };
}
