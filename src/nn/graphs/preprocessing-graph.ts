import { ModelError, tensor } from "../../core/index.ts";
import {
  add,
  cast,
  clip,
  concat,
  constant,
  div,
  equal,
  float32,
  floor,
  gather,
  greater,
  input,
  int64,
  int64s,
  matMul,
  mul,
  neg,
  range,
  reduceMax,
  reduceMin,
  reduceSum,
  relu,
  reshape,
  round,
  scope,
  shapeOf,
  slice,
  sub,
  transpose,
  type Float,
  type Value,
} from "../../graph/index.ts";
import type { Preprocessing } from "../../image/index.ts";
import { lowBits, precisionBits } from "../../image/resample-table.ts";

/** Images of any size that a graph takes one at a time: `bytes` uint8 [height, width, 3], `planes` float32 [1, 3, height, width]. */
export type RawImages = "bytes" | "planes";

/**
 * The eval transform as part of a graph: one RGB image of any size, with values from 0 to 255, to the network's input.
 *
 * Resize, centre crop and normalisation as in `evalCrop` and `normalise`, to the same bytes. The resize is two matrix products,
 * which every runtime computes alike: OpenVINO passes over the `antialias` of ONNX's `Resize` in silence.
 *
 * @param channels 3, or 1 for grey, which is made before the resize.
 * @param name Name of the input.
 * @returns The network's input float32 [1, channels, inputSize, inputSize].
 * @throws ModelError `model/channels` for other numbers of channels
 */
export function preprocessingGraph(
  preprocessing: Preprocessing,
  channels: number,
  name: string,
  images: RawImages = "bytes",
): Float {
  if (channels !== 3 && channels !== 1) {
    throw new ModelError(
      "model/channels",
      `An RGB image cannot be prepared inside the graph for a model of ${channels} channels, only of 3 or 1; export it without.`,
    );
  }
  const { inputSize, mean, std } = preprocessing;
  return scope("preprocessing", () => {
    const image =
      images === "bytes"
        ? transpose(input(name, "uint8", ["height", "width", 3]), [2, 0, 1])
        : gather(input(name, "float32", [1, 3, "height", "width"]), int64(0), 0);

    // Either order sees the image where it is Pillow's, and one pixel of it where it is not.
    const columnsFirst = isColumnsFirst(image, preprocessing);
    const rowsFirst = sub(int64(1), columnsFirst);
    const seen = (order: Value<"int64">): Float => {
      const ends = add(mul(sub(shapeOf(image, -2), int64(1)), order), int64(1));
      const part = cast(slice<"uint8" | "float32">(image, int64s([0, 0]), ends, [-2, -1]), "float32");
      return channels === 1 ? toGrey(part) : part;
    };
    const chosen = (order: Value<"int64">, crop: (pixels: Float) => Float): Float =>
      mul(crop(seen(order)), cast(order, "float32"));
    const alongRows = (pixels: Float, whole: Float): Float =>
      toBytes(matMul(pixels, transpose(cropWeights(whole, -1, preprocessing), [1, 0])), -1, inputSize);
    const alongColumns = (pixels: Float, whole: Float): Float =>
      toBytes(matMul(cropWeights(whole, -2, preprocessing), pixels), -2, inputSize);
    const crop = add(
      chosen(rowsFirst, (whole) => alongColumns(alongRows(whole, whole), whole)),
      chosen(columnsFirst, (whole) => alongRows(alongColumns(whole, whole), whole)),
    );

    const perChannel = (values: readonly number[]): Float =>
      channels === 1
        ? float32(values.reduce((sum, value) => sum + value, 0) / 3)
        : float32(values, [3, 1, 1]);
    const normal = div(sub(div(crop, float32(255)), perChannel(mean)), perChannel(std));
    return reshape(normal, [1, channels, inputSize, inputSize]);
  });
}

/** Lengths of rows or columns, [1], once the short side is floor(inputSize / cropPct); the long side is truncated. */
function resizedLength(image: Value, axis: Axis, { inputSize, cropPct }: Preprocessing): Value<"int64"> {
  const shorter = reduceMin(shapeOf(image, -2), [0]);
  return div(mul(lengthOf(image, axis), int64(Math.floor(inputSize / cropPct))), shorter);
}

/** Rows and columns. */
type Axis = -2 | -1;

const lengthOf = (image: Value, axis: Axis): Value<"int64"> =>
  axis === -1 ? shapeOf(image, -1) : shapeOf(image, -2, -1);

/** 1 where the height shrinks by more than twice what the width does, as Pillow 13 has it; else 0; [1]. */
function isColumnsFirst(image: Value, preprocessing: Preprocessing): Value<"int64"> {
  const lost = (axis: Axis): Value<"int64"> =>
    sub(lengthOf(image, axis), resizedLength(image, axis, preprocessing));
  return cast(greater(lost(-2), clip(mul(lost(-1), int64(2)), int64(0), int64(2 ** 31))), "int64");
}

/** Pillow's luma, ITU-R 601-2 with 16 fractional bits: every sum is an integer below 2^24, which float32 holds exactly. */
function toGrey(rgb: Float): Float {
  const luma = reduceSum(mul(rgb, float32([19595, 38470, 7471], [3, 1, 1])), [-3]);
  return floor(div(add(luma, float32(2 ** 15)), float32(2 ** 16)));
}

/**
 * Adds the two parts of a product with `cropWeights`, which stand one behind the other on the axis, and rounds to bytes as Pillow
 * does: (sum + 2^21) >> 22. All numbers are integers that float32 holds exactly.
 */
function toBytes(product: Float, axis: Axis, inputSize: number): Float {
  const part = (index: number): Float =>
    slice(product, int64s([index * inputSize]), int64s([(index + 1) * inputSize]), [axis]);
  const [high, low] = [part(0), floor(div(part(1), float32(2 ** lowBits)))];
  const half = float32(2 ** (precisionBits - lowBits - 1));
  const sum = div(add(add(high, low), half), float32(2 ** (precisionBits - lowBits)));
  return clip(floor(sum), float32(0), float32(255));
}

/**
 * The weights of the pixels of one axis in those of the crop, as Pillow has them: integers of 22 fractional bits, in two parts
 * w = high · 2^11 + low, [2 · inputSize, length]. Pixels of the crop beside the image weigh nothing, which is black.
 */
function cropWeights(image: Float, axis: Axis, preprocessing: Preprocessing): Float {
  const { inputSize, interpolation } = preprocessing;
  const length = lengthOf(image, axis);
  const resized = resizedLength(image, axis, preprocessing);
  const [none, one, two] = [int64(0), int64(1), int64(2)];
  // torchvision: halves round to even where the crop is smaller; a larger one has the smaller border in front.
  const margin = sub(resized, int64(inputSize));
  const [surplus, border] = [clip(margin, none, int64(2 ** 31)), clip(margin, int64(-inputSize), none)];
  const start = add(cast(round(div(cast(surplus, "float32"), float32(2))), "int64"), div(border, two));
  const place = add(start, reshape(int64s(Array.from({ length: inputSize }, (_, i) => i)), [inputSize, 1]));
  const inside = clip(place, none, reshape(sub(resized, one), []));

  // Between the centres of source pixel j and of pixel i of the result lie ((2j + 1) · resized - (2i + 1) · length) / (2 · resized)
  // source pixels, and the filter is max(length / resized, 1) of them wide: integers until the division keep that exact.
  const middle = (at: Value<"int64">): Value<"int64"> => add(mul(at, two), one);
  const apart = sub(mul(middle(range(reshape(length, []))), resized), mul(middle(inside), length));
  const unit = mul(reduceMax(concat([length, resized], 0), [0]), two);
  const x = div(cast(apart, "float64"), cast(unit, "float64"));
  const weight = filters[interpolation](add(relu(x), relu(neg(x))));
  const share = div(weight, reduceSum(weight, [1]));
  const fixed = mul(round(mul(share, float64(2 ** precisionBits))), cast(equal(place, inside), "float64"));
  const high = floor(div(fixed, float64(2 ** lowBits)));
  const low = sub(fixed, mul(high, float64(2 ** lowBits)));
  return cast(concat([high, low], 0), "float32");
}

type Double = Value<"float64">;

const float64 = (value: number): Double => constant(tensor("float64", [], Float64Array.of(value)));

/** Pillow's filters at a distance from the centre; their pieces meet at 0. */
const filters: Readonly<Record<Preprocessing["interpolation"], (distance: Double) => Double>> = {
  bilinear: (distance) => relu(sub(float64(1), distance)),
  bicubic(distance) {
    const near = clip(distance, float64(0), float64(1));
    const far = clip(distance, float64(1), float64(2));
    return add(polynomial(near, [1.5, -2.5, 0, 1]), polynomial(far, [-0.5, 2.5, -4, 2]));
  },
};

/** From the highest power to the lowest, by Horner's rule. */
const polynomial = (x: Double, [first, ...others]: readonly number[]): Double =>
  others.reduce<Double>((sum, coefficient) => add(mul(sum, x), float64(coefficient)), float64(first!));
