import type { Preprocessing } from "../image/index.ts";
import {
  add,
  cast,
  concat,
  div,
  float32,
  input,
  int64,
  int64s,
  mul,
  reduceMin,
  reshape,
  resize,
  round,
  scope,
  shapeOf,
  slice,
  sub,
  transpose,
  type Value,
} from "../graph/index.ts";

/**
 * The eval transform as part of the graph: one RGB image of any size to the network's input.
 *
 * Resize, centre crop and normalisation as in `evalCrop` and `normalise`; ONNX Runtime's antialiased resize
 * differs from Pillow's by 1 in about 0.05 % of the bytes.
 *
 * @returns The input `image` uint8 [height, width, 3] and the network's input float32 [1, 3, size, size].
 */
export function preprocessingGraph(preprocessing: Preprocessing): Value<"float32"> {
  const { inputSize, cropPct, interpolation, mean, std } = preprocessing;
  return scope("preprocessing", () => {
    const image = input("image", "uint8", ["height", "width", 3]);
    const planes = transpose(image, [2, 0, 1]);

    // Short side to floor(inputSize / cropPct), the long side truncated.
    const size = shapeOf(image, 0, 2);
    const shortSide = int64(Math.floor(inputSize / cropPct));
    const resized = div(mul(size, shortSide), reduceMin(size, [0]));
    const scaled = resize(planes, concat([int64s([3]), resized], 0), {
      mode: interpolation === "bicubic" ? "cubic" : "linear",
      antialias: 1,
      coordinate_transformation_mode: "half_pixel",
      ...(interpolation === "bicubic" ? { cubic_coeff_a: -0.5, exclude_outside: 1 as const } : {}),
    });

    // Halves round to even, in ONNX as in Python.
    const margin = cast(sub(resized, int64(inputSize)), "float32");
    const start = cast(round(div(margin, float32(2))), "int64");
    const crop = slice(scaled, start, add(start, int64(inputSize)), [1, 2]);

    const perChannel = (values: readonly number[]): Value<"float32"> => float32(values, [3, 1, 1]);
    const unit = div(cast(crop, "float32"), float32(255));
    const normal = div(sub(unit, perChannel(mean)), perChannel(std));
    return reshape(normal, [1, 3, inputSize, inputSize]);
  });
}
