import { concat, conv, gather, gemm, matMul, pad, reduceSum, reshape, transpose } from "../../ops/index.ts";
import { int64s } from "../../ops/literals.ts";
import { convolutionOf, type Convolution } from "../convolution.ts";
import type { Float, Lowering } from "../lowering.ts";
import { spread } from "./spread.ts";
import { windowViews } from "./window-views.ts";

/**
 * dX is a convolution of dY, spread out by the stride, with the filters turned around and their in-group
 * channels swapped.
 */
export const convInputGrad: Lowering = ([dy, weight], node) => {
  const convolution = convolutionOf(node);
  const { group, kernel, strides, dilations, pads, shape } = convolution;
  // The zeros between need no products.
  const isPointwise = kernel.every((length) => length === 1);
  const filters = turned(weight!, group);
  const grid = spread(isPointwise ? conv(dy!, filters, undefined, { group }) : dy!, strides);
  const before = [0, 1].map((axis) => dilations[axis]! * (kernel[axis]! - 1) - pads[axis]!);
  const after = [0, 1].map((axis) => {
    const reach = dilations[axis]! * (kernel[axis]! - 1);
    return shape[axis + 2]! - (grid.shape[axis + 2] as number) + reach - before[axis]!;
  });
  // Negative where rows at the end were never read: they are cut off.
  const border = [0, 0, ...before, 0, 0, ...after];
  const padded = border.some((length) => length !== 0) ? pad(grid, border) : grid;
  return [isPointwise ? padded : conv(padded, filters, undefined, { group, dilations })];
};

/** [O, C / g, h, w] to [C, O / g, h, w], each filter rotated by half a turn. */
function turned(weight: Float, group: number): Float {
  const [out, perGroup, height, width] = weight.shape as [number, number, number, number];
  const taps = height * width;
  const grouped = reshape(weight, [group, out / group, perGroup, taps]);
  const backwards = int64s(Array.from({ length: taps }, (_, tap) => taps - 1 - tap));
  const rotated = taps > 1 ? gather(grouped, backwards, 3) : grouped;
  return reshape(transpose(rotated, [0, 2, 1, 3]), [group * perGroup, out / group, height, width]);
}

/** dW[o, c, a, b] = Σ dY[n, o, p] · X[n, c, p shifted by (a, b)] */
export const convWeightGrad: Lowering = ([x, dy], node) => {
  const convolution = convolutionOf(node);
  const { group, kernel, shape } = convolution;
  const [n, out, height, width] = dy!.shape as [number, number, number, number];
  const [taps, perGroup] = [kernel[0] * kernel[1], shape[1]];
  const pixels = height * width;
  const shifted = shiftedInputs(x!, convolution, height, width).map((tap) =>
    reshape(tap, [n, group, perGroup, 1, pixels]),
  );
  const columns = reshape(concat(shifted, 3), [n, group, perGroup * taps, pixels]);
  const rows = reshape(dy!, [n, group, out / group, pixels]);
  // Images are summed over inside of one product where that moves less than to add up a whole weight for each.
  const joined = group === 1 && pixels * (out + perGroup * taps) < out * perGroup * taps;
  if (joined)
    return [reshape(gemm(imagesInside(rows), imagesInside(columns), undefined, { transB: 1 }), shape)];
  const products = matMul(rows, transpose(columns, [0, 1, 3, 2]));
  return [reshape(reduceSum(products, [0], { keepdims: 0 }), shape)];
};

/** [N, 1, C, P] to [C, N · P] */
function imagesInside(x: Float): Float {
  const [n, , channels, pixels] = x.shape as [number, number, number, number];
  return reshape(transpose(x, [1, 2, 0, 3]), [channels, n * pixels]);
}

/** The input as each tap of the kernel sees it, row by row of the kernel. */
function shiftedInputs(
  x: Float,
  { kernel, strides, dilations, pads }: Convolution,
  height: number,
  width: number,
): readonly Float[] {
  const padded = pads.some((length) => length > 0)
    ? pad(x, [0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]])
    : x;
  const view = windowViews(padded, strides, [height, width]);
  return Array.from({ length: kernel[0] * kernel[1] }, (_, tap) => {
    const row = Math.floor(tap / kernel[1]);
    return view([row * dilations[0], (tap % kernel[1]) * dilations[1]]);
  });
}
