import type { Application } from "../op-spec.ts";
import type { Dim } from "../value.ts";

/** A sliding window over the spatial axes, in ONNX's attributes. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** Begin of every axis, then end of every axis. */
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
}

/** Reads the window attributes of a node, with ONNX's defaults. */
export function windowOf(at: Application, kernel: readonly number[]): Window {
  const { strides, pads, dilations } = at.attributes;
  const ints = (given: unknown, length: number, fallback: number, name: string): readonly number[] => {
    if (given === undefined) return Array.from({ length }, () => fallback);
    const list = given as readonly number[];
    return list.length === length ? list : at.fail(`${name} must have ${length} entries, got ${list.length}`);
  };
  return {
    kernel,
    strides: ints(strides, kernel.length, 1, "strides"),
    pads: ints(pads, 2 * kernel.length, 0, "pads"),
    dilations: ints(dilations, kernel.length, 1, "dilations"),
  };
}

/** Length of each spatial axis after the window has passed over it. */
export function windowedDims(at: Application, dims: readonly Dim[], window: Window): readonly Dim[] {
  return dims.map((dim, axis) => {
    const stride = window.strides[axis]!;
    const reach = window.dilations[axis]! * (window.kernel[axis]! - 1) + 1;
    const pad = window.pads[axis]! + window.pads[axis + window.kernel.length]!;
    if (typeof dim === "string") {
      return stride === 1 && pad === reach - 1 ? dim : `floor((${dim}+${pad - reach})/${stride})+1`;
    }
    const length = Math.floor((dim + pad - reach) / stride) + 1;
    return length > 0
      ? length
      : at.fail(`a window of ${reach} does not fit an axis of ${dim} + ${pad} padding`);
  });
}
