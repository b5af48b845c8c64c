import { ModelError, type Tensor } from "../core/index.ts";
import type { ImageItem } from "../data/index.ts";
import { cropOnImage, type Preprocessing, type RgbImage } from "../image/index.ts";
import type { Tap } from "../nn/index.ts";
import {
  answering,
  type AnswerOptions,
  type Answer,
  type Images,
  type Network,
  type Prediction,
  type Results,
  type RunOptions,
} from "./results.ts";

export interface ExplainOptions extends RunOptions, AnswerOptions {
  /** The class to explain. @default the predicted class of each image */
  readonly classIndex?: number | undefined;
  /** The feature map that is weighed: earlier ones are finer and know less of classes. @default the last */
  readonly layer?: Tap | undefined;
}

/** Where in an image a class is seen. */
export interface Explained extends Answer {
  readonly image: string;
  /** The image as its source has it: what a picture of the map is drawn over. */
  readonly item: ImageItem;
  /** The class that is explained. */
  readonly explained: Prediction;
  readonly layer: Tap;
  /** Grad-CAM at the resolution of the layer; it covers the crop that the model sees. */
  readonly map: HeatMap;
}

/** Runs forward and backward over images; see `explanationGraph`. */
export async function* explainImages(
  model: Network,
  images: Images,
  { classIndex, layer = model.lastLayer, signal, ...options }: ExplainOptions,
): Results<Explained> {
  const { answer, predictionsOf } = answering(model, options);
  const feeds = { selection: selectionOf(classIndex, model.classes.length) };
  for await (const result of model.run({ explains: layer }, images, signal, feeds)) {
    if ("error" in result) {
      yield result;
      continue;
    }
    const { image, item, outputs } = result;
    const { logits, map } = outputs as { readonly [Name in "logits" | "map"]: Tensor<"float32"> };
    const answered = answer(logits.data);
    const [explained] = predictionsOf(logits.data, [classIndex ?? answered.predictions[0]!.index]);
    yield {
      image,
      item,
      ...answered,
      explained: explained!,
      layer,
      map: heatMap(map.dims, map.data),
    };
  }
}

/** 1 at the class, or nothing but zeros for the predicted one. */
function selectionOf(classIndex: number | undefined, count: number): Tensor<"float32"> {
  const data = new Float32Array(count);
  if (classIndex !== undefined) {
    if (!Number.isInteger(classIndex) || classIndex < 0 || classIndex >= count) {
      throw new ModelError(
        "model/unknown-class",
        `classIndex must be a whole number from 0 to ${count - 1}, a position in the logits; got ${classIndex}.`,
      );
    }
    data[classIndex] = 1;
  }
  return { dtype: "float32", dims: [count], data };
}

/** How much each place of an image speaks for a class: rows from the top, 0 to 1. */
export interface HeatMap {
  readonly dims: readonly [height: number, width: number];
  readonly data: Float32Array<ArrayBuffer>;
}

/** A map of which the largest element is 1; a map without positive elements stays 0: nothing speaks for the class. */
function heatMap(dims: readonly number[], data: Float32Array): HeatMap {
  const [height, width] = dims as [number, number];
  const largest = data.reduce((most, value) => Math.max(most, value), 0);
  return {
    dims: [height, width],
    data: Float32Array.from(data, (value) => (largest > 0 ? value / largest : 0)),
  };
}

/** Share of the picture that heat 0 and heat 1 cover. */
const [coolest, hottest] = [0.4, 0.7];
/** Brightness that is left of what the model does not see. */
const unseen = 0.45;

/**
 * Draws a heat map over the photograph that it explains.
 *
 * The photograph loses its colours, so that colour means heat; the map is interpolated bilinearly over the crop that
 * the model saw. What lies outside of it is darkened.
 *
 * @param preprocessing That of the model: it says where the crop lies.
 * @returns A picture of the photograph's size.
 */
export function overlayHeat(photo: RgbImage, map: HeatMap, preprocessing: Preprocessing): RgbImage {
  const { width, height } = photo;
  const crop = cropOnImage(photo, preprocessing);
  const columns = places(width, crop.left, crop.width, map.dims[1]);
  const rows = places(height, crop.top, crop.height, map.dims[0]);
  const data = new Uint8Array(width * height * 3);
  for (const [y, row] of rows.entries()) {
    for (const [x, column] of columns.entries()) {
      const at = 3 * (y * width + x);
      const grey = luma(photo.data, at);
      const heat = row && column ? interpolate(map, row, column) : undefined;
      const share = heat === undefined ? 0 : coolest + (hottest - coolest) * heat;
      const colour = heat === undefined ? undefined : palette[Math.round(heat * (palette.length - 1))]!;
      for (let c = 0; c < 3; c++) {
        data[at + c] = colour ? grey + share * (colour[c]! - grey) : grey * unseen;
      }
    }
  }
  return { width, height, data };
}

const palette: readonly Rgb[] = Array.from({ length: 256 }, (_, i) => heatColour(i / 255));

/** Two neighbours on an axis of the map, and how much the second counts. */
interface Place {
  readonly first: number;
  readonly second: number;
  readonly share: number;
}

/** Where the centre of each pixel lies on an axis of the map; undefined outside of the crop. */
function places(
  pixels: number,
  start: number,
  length: number,
  cells: number,
): readonly (Place | undefined)[] {
  return Array.from({ length: pixels }, (_, pixel) => {
    const along = (pixel + 0.5 - start) / length;
    if (along < 0 || along > 1) return undefined;
    // Cells have their values at their centres; beyond the outermost ones these go on.
    const position = Math.min(cells - 1, Math.max(0, along * cells - 0.5));
    const first = Math.floor(position);
    return { first, second: Math.min(first + 1, cells - 1), share: position - first };
  });
}

function interpolate({ dims, data }: HeatMap, row: Place, column: Place): number {
  const along = (y: number): number => {
    const start = y * dims[1];
    const [left, right] = [data[start + column.first]!, data[start + column.second]!];
    return left + column.share * (right - left);
  };
  const [upper, lower] = [along(row.first), along(row.second)];
  return upper + row.share * (lower - upper);
}

/** Brightness of a pixel by Rec. 601, as Pillow has it. */
function luma(data: Uint8Array, at: number): number {
  return 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!;
}

/** Red, green and blue, each 0 to 255. */
type Rgb = readonly [red: number, green: number, blue: number];

/**
 * The colour of a heat from 0 to 1: from a dark violet over red and orange to a pale yellow.
 *
 * Lightness rises evenly, so that the order of heats is seen without telling hues apart and in print. The path is
 * an arc in Oklab (Ottosson 2020), whose lightness is the eye's.
 */
export function heatColour(heat: number): Rgb {
  const lightness = 0.25 + 0.68 * heat;
  // Little colour is within reach of a screen at both ends.
  const chroma = 0.07 + 0.13 * Math.sin(Math.PI * Math.min(1, 0.1 + 0.85 * heat));
  const hue = (Math.PI / 180) * (310 + 155 * heat);
  return fromOklab(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue));
}

/** Oklab to 8-bit sRGB; what lies outside is clipped. */
function fromOklab(lightness: number, a: number, b: number): Rgb {
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    encode(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
    encode(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
    encode(-0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short),
  ];
}

/** sRGB's transfer function, IEC 61966-2-1. */
function encode(linear: number): number {
  const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
  return Math.round(255 * Math.min(1, Math.max(0, value)));
}
