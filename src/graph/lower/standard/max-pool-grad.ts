import { add, cast, equal, float32, mul, pad, slice, sub } from "../../ops/index.ts";
import { int64s } from "../../ops/literals.ts";
import type { Float, Lowering } from "../lowering.ts";
import { spread } from "./spread.ts";

/** Below every input: padding never wins a window. */
const padding = -3.4028234663852886e38;

/**
 * For each tap of the window in turn: where its input is the window's largest and no earlier tap was, it takes
 * the gradient. The gradients are then put back where the inputs came from.
 */
export const maxPoolGrad: Lowering = ([x, y, dy], node) => {
  const [kernelHeight, kernelWidth] = node.attributes["kernel_shape"] as [number, number];
  const [vertical, horizontal] = (node.attributes["strides"] as [number, number] | undefined) ?? [1, 1];
  const [top, left, bottom, right] = (node.attributes["pads"] as number[] | undefined) ?? [0, 0, 0, 0];
  const [height, width] = x!.shape.slice(2) as [number, number];
  const [rows, columns] = dy!.shape.slice(2) as [number, number];
  const padded = pad(x!, [0, 0, top!, left!, 0, 0, bottom!, right!], float32(padding));
  const size = padded.shape.slice(2) as [number, number];

  let open: Float | undefined;
  let total: Float | undefined;
  for (let tap = 0; tap < kernelHeight * kernelWidth; tap++) {
    const [a, b] = [Math.floor(tap / kernelWidth), tap % kernelWidth];
    const ends = [a + (rows - 1) * vertical + 1, b + (columns - 1) * horizontal + 1];
    const seen = slice(padded, int64s([a, b]), int64s(ends), [2, 3], [vertical, horizontal]);
    const isLargest = cast(equal(seen, y!), "float32");
    const wins: Float = open ? mul(isLargest, open) : isLargest;
    open = open ? sub(open, wins) : sub(float32(1), wins);
    // Back to the padded input: zeros between by the stride, and around by the tap's place.
    const grid = spread(mul(dy!, wins), [vertical, horizontal]);
    const placed = pad(grid, [
      0,
      0,
      a,
      b,
      0,
      0,
      size[0] - a - rows * vertical,
      size[1] - b - columns * horizontal,
    ]);
    total = total ? add(total, placed) : placed;
  }
  return [slice(total!, int64s([top!, left!]), int64s([top! + height, left! + width]), [2, 3])];
};
