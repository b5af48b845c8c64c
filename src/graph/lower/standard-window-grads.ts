import { conv } from "../ops/convolution.ts";
import { add, cast, equal, mul, sub } from "../ops/elementwise.ts";
import { concat, gather, pad, reshape, slice, transpose } from "../ops/layout.ts";
import { gemm, matMul } from "../ops/linear.ts";
import { reduceSum } from "../ops/reduction.ts";
import type { NodeOf } from "../ops/table.ts";
import { float32, int64s, value4d, type Float } from "../value.ts";
import { convolutionOf, window2d, type Convolution, type Lowering, type Pair } from "./lower.ts";

/**
 * dX is a convolution of dY, spread out by the stride, with the filters turned around and their in-group
 * channels swapped.
 */
export const convInputGrad: Lowering<NodeOf<"ConvInputGrad">> = ([dy, weight], node) => {
  const convolution = convolutionOf(node);
  const { group, kernel, strides, dilations, pads, shape } = convolution;
  // The zeros between need no products.
  const isPointwise = group === 1 && kernel.every((length) => length === 1);
  const grid = spread(isPointwise ? mixedBack(dy!, weight!) : dy!, strides);
  const before = [0, 1].map((axis) => dilations[axis]! * (kernel[axis]! - 1) - pads[axis]!);
  const after = [0, 1].map((axis) => {
    const reach = dilations[axis]! * (kernel[axis]! - 1);
    return shape[axis + 2]! - value4d(grid).shape[axis + 2]! + reach - before[axis]!;
  });
  // Negative where rows at the end were never read: they are cut off.
  const border = [0, 0, ...before, 0, 0, ...after];
  const padded = border.some((length) => length !== 0) ? pad(grid, border) : grid;
  return [isPointwise ? padded : conv(padded, turned(weight!, group), undefined, { group, dilations })];
};

/** Wᵀ · dY for every pixel: ONNX Runtime transposes within the product. */
function mixedBack(dy: Float, weight: Float): Float {
  const [n, out, height, width] = value4d(dy).shape;
  const [, channels] = value4d(weight).shape;
  const mixed = matMul(
    transpose(reshape(weight, [out, channels]), [1, 0]),
    reshape(dy, [n, out, height * width]),
  );
  return reshape(mixed, [n, channels, height, width]);
}

/** [O, C / g, h, w] to [C, O / g, h, w], each filter rotated by half a turn. */
function turned(weight: Float, group: number): Float {
  const [out, perGroup, height, width] = value4d(weight).shape;
  const taps = height * width;
  const grouped = reshape(weight, [group, out / group, perGroup, taps]);
  const backwards = int64s(Array.from({ length: taps }, (_, tap) => taps - 1 - tap));
  const rotated = taps > 1 ? gather(grouped, backwards, 3) : grouped;
  return reshape(transpose(rotated, [0, 2, 1, 3]), [group * perGroup, out / group, height, width]);
}

/** dW[o, c, a, b] = Σ dY[n, o, p] · X[n, c, p shifted by (a, b)] */
export const convWeightGrad: Lowering<NodeOf<"ConvWeightGrad">> = ([x, dy], node) => {
  const convolution = convolutionOf(node);
  const { group, kernel, shape } = convolution;
  const [n, out, height, width] = value4d(dy!).shape;
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
  const [n, , channels, pixels] = value4d(x).shape;
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

/** Below every input: padding never wins a window. */
const padding = -3.4028234663852886e38;

/**
 * For each tap of the window in turn: where its input is the window's largest and no earlier tap was, it takes
 * the gradient.
 *
 * Inputs that are a stride apart are one phase, with a grid of its own on which taps are unit steps apart: the
 * gradients are added up there, and the phases interleaved at the end.
 */
export const maxPoolGrad: Lowering<NodeOf<"MaxPoolGrad">> = ([x, y, dy], node) => {
  const { kernel, strides, pads } = window2d(node.attributes);
  const [[vertical, horizontal], [top, left]] = [strides, pads];
  const [n, channels, height, width] = value4d(x!).shape;
  const [, , rows, columns] = value4d(dy!).shape;
  const gridRows = rows + Math.floor((kernel[0] - 1) / vertical);
  const gridColumns = columns + Math.floor((kernel[1] - 1) / horizontal);
  const bottom = gridRows * vertical - top - height;
  const right = gridColumns * horizontal - left - width;
  const view = windowViews(pad(x!, [0, 0, top, left, 0, 0, bottom, right], float32(padding)), strides, [
    rows,
    columns,
  ]);

  let open: Float | undefined;
  const phases = Array.from({ length: vertical }, () =>
    Array.from({ length: horizontal }, (): Float | undefined => undefined),
  );
  for (let tap = 0; tap < kernel[0] * kernel[1]; tap++) {
    const [a, b] = [Math.floor(tap / kernel[1]), tap % kernel[1]];
    const isLargest = cast(equal(view([a, b]), y!), "float32");
    const wins: Float = open ? mul(isLargest, open) : isLargest;
    open = sub(open ?? float32(1), wins);
    const [down, across] = [Math.floor(a / vertical), Math.floor(b / horizontal)];
    const border = [0, 0, down, across, 0, 0, gridRows - rows - down, gridColumns - columns - across];
    const placed = pad(mul(dy!, wins), border);
    const phase = phases[a % vertical]!;
    const total = phase[b % horizontal];
    phase[b % horizontal] = total ? add(total, placed) : placed;
  }

  const nothing = mul(phases[0]![0]!, float32(0));
  const interleaved = phases.map((phase) => {
    const beside = Array.from(phase, (total) => total ?? nothing);
    const whole = placeColumns(concat(beside, 3), width, (column) => {
      const [b, step] = [Math.floor(column / gridColumns), column % gridColumns];
      return step * horizontal + b - left;
    });
    return reshape(whole, [n, channels, gridRows, 1, width]);
  });
  const stacked = reshape(concat(interleaved, 3), [n, channels, gridRows * vertical, width]);
  const full = bottom < 0 ? pad(stacked, [0, 0, 0, 0, 0, 0, -bottom, 0]) : stacked;
  return [slice(full, int64s([top]), int64s([top + height]), [2])];
};

/** Puts `stride - 1` zeros behind every row and column: [N, C, H, W] to [N, C, H · stride, W · stride]. */
function spread(x: Float, [vertical, horizontal]: Pair): Float {
  if (vertical === 1 && horizontal === 1) return x;
  const [n, channels, height, width] = value4d(x).shape;
  // The rows of zeros stand behind their row.
  const placed = placeColumns(x, vertical * horizontal * width, (column) => column * horizontal);
  return reshape(placed, [n, channels, height * vertical, width * horizontal]);
}

/**
 * Moves each column of [N, C, H, W] to a position of its own, with zeros where none comes: a product with zeros
 * and ones, several times faster than Pad with its single thread. Columns outside of [0, columns) are left out.
 */
function placeColumns(x: Float, columns: number, position: (column: number) => number): Float {
  const [n, channels, height, width] = value4d(x).shape;
  const matrix = new Float32Array(width * columns);
  for (let column = 0; column < width; column++) {
    const target = position(column);
    if (target >= 0 && target < columns) matrix[column * columns + target] = 1;
  }
  // One large product: the batch of a MatMul is many small ones.
  const rows = reshape(x, [n * channels * height, width]);
  return reshape(matMul(rows, float32([...matrix], [width, columns])), [n, channels, height, columns]);
}

/**
 * What a place of a window sees as the window moves: from (a, b) on, one input each stride, `size` of them.
 *
 * Inputs that are a stride apart are one phase. It is taken once for all places that read it, since ONNX
 * Runtime copies strided rows element by element.
 */
function windowViews(padded: Float, [vertical, horizontal]: Pair, size: Pair): (place: Pair) => Float {
  const phases = new Map<string, Float>();
  const [, , height, width] = value4d(padded).shape;
  const phaseOf = (first: Pair): Float => {
    if (vertical === 1 && horizontal === 1) return padded;
    const found =
      phases.get(first.join()) ??
      slice(padded, int64s(first), int64s([height, width]), [2, 3], [vertical, horizontal]);
    phases.set(first.join(), found);
    return found;
  };
  return ([a, b]) => {
    const [down, right] = [Math.floor(a / vertical), Math.floor(b / horizontal)];
    const phase = phaseOf([a % vertical, b % horizontal]);
    if (phase.shape[2] === size[0] && phase.shape[3] === size[1]) return phase;
    return slice(phase, int64s([down, right]), int64s([down + size[0], right + size[1]]), [2, 3]);
  };
}
