export type { RgbImage } from "./rgb-image.ts";
export type { Interpolation } from "./interpolation.ts";
export { imagenetPreprocessing, parsePreprocessing, type Preprocessing } from "./preprocessing.ts";
export { resize, type Size, type Window } from "./resize.ts";
export { evalCrop } from "./eval-crop.ts";
export { normalise } from "./normalise.ts";
export { imageFormat, type ImageFormat } from "./image-format.ts";
export {
  checkImageSize,
  defaultMaxPixels,
  imageTooLarge,
  type DecodeImage,
  type DecodeOptions,
} from "./decode-image.ts";
export { cmykToRgb } from "./cmyk-to-rgb.ts";
export { jpegComponents } from "./jpeg-components.ts";
export { gifFirstFrame, type GifFirstFrame } from "./gif-first-frame.ts";
export { isTruncated } from "./is-truncated.ts";
export { decodeBmp } from "./decode-bmp.ts";
export { decodePnm } from "./decode-pnm.ts";
export { tiffTag } from "./tiff-tag.ts";
