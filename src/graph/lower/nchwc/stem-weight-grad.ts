import { concat, gemm, int64s, pad, reorderOutputLast, reshape, slice, transpose } from "../../ops/index.ts";
import type { Convolution } from "../convolution.ts";
import type { Float } from "../lowering.ts";
import { lengthsOf } from "./rule.ts";

/**
 * dW of a convolution of few channels with stride s: squares of s x s pixels become channels first, so that
 * fewer and wider taps are gathered (4 x 4 of 12 channels for a 7 x 7 stem of 3 with stride 2).
 */
export function stemWeightGrad(x: Float, dy: Float, { kernel, strides, pads, shape }: Convolution): Float {
  const [stride, taps] = [strides[0], Math.ceil(kernel[0] / strides[0])];
  const [n, out, height, width] = lengthsOf(dy);
  const [, channels, fullHeight, fullWidth] = lengthsOf(x);
  const [rows, columns] = [height + taps - 1, width + taps - 1];
  const after = [rows * stride - pads[0] - fullHeight, columns * stride - pads[1] - fullWidth];
  const padded = pad(x, [0, 0, pads[0], pads[1], 0, 0, ...after]);
  const squares = reshape(padded, [n, channels, rows, stride, columns, stride]);
  const depth = stride * stride * channels;
  const packed = reshape(transpose(squares, [0, 2, 4, 3, 5, 1]), [n, rows, columns, depth]);
  const shifted = Array.from({ length: taps * taps }, (_, tap) => {
    const [top, left] = [Math.floor(tap / taps), tap % taps];
    return slice(packed, int64s([top, left]), int64s([top + height, left + width]), [1, 2]);
  });
  const seen = reshape(concat(shifted, 3), [n * height * width, taps * taps * depth]);
  const grads = reshape(reorderOutputLast(dy), [n * height * width, out]);
  const product = reshape(gemm(grads, seen, undefined, { transA: 1 }), [
    out,
    taps,
    taps,
    stride,
    stride,
    channels,
  ]);
  const whole = reshape(transpose(product, [0, 5, 1, 3, 2, 4]), [
    out,
    channels,
    taps * stride,
    taps * stride,
  ]);
  return slice(whole, int64s([0, 0]), int64s(shape.slice(2)), [2, 3]);
}
