import { add, cast, concat, equal, float32, mul, pad, reshape, slice, sub } from "../../ops/index.ts";
import { int64s } from "../../ops/literals.ts";
import type { Float, Lowering } from "../lowering.ts";
import { placeColumns } from "./place-columns.ts";
import { windowViews } from "./window-views.ts";

interface Pool {
  readonly kernel_shape: readonly [number, number];
  readonly strides?: readonly [number, number];
  readonly pads?: readonly [number, number, number, number];
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
export const maxPoolGrad: Lowering = ([x, y, dy], node) => {
  const { kernel_shape, strides = [1, 1], pads = [0, 0, 0, 0] } = node.attributes as unknown as Pool;
  const [[vertical, horizontal], [top, left]] = [strides, pads];
  const [n, channels, height, width] = x!.shape as [number, number, number, number];
  const [rows, columns] = dy!.shape.slice(2) as [number, number];
  const gridRows = rows + Math.floor((kernel_shape[0] - 1) / vertical);
  const gridColumns = columns + Math.floor((kernel_shape[1] - 1) / horizontal);
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
  for (let tap = 0; tap < kernel_shape[0] * kernel_shape[1]; tap++) {
    const [a, b] = [Math.floor(tap / kernel_shape[1]), tap % kernel_shape[1]];
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
