import type { DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import {
  defineOp,
  staticShape,
  type Application,
  type AttributesOf,
  type Dim,
  type Value,
} from "../value.ts";
import { requireSameDtype } from "./operands.ts";

export interface ConvAttributes {
  readonly group?: number;
  readonly strides?: readonly number[];
  readonly pads?: readonly number[];
  readonly dilations?: readonly number[];
}

export const Conv = defineOp({
  type: "Conv",
  arity: [2, 3],
  attributes: { group: "int?", strides: "ints?", pads: "ints?", dilations: "ints?", kernel_shape: "ints" },
  infer(at) {
    const [x, w, b] = [at.input(0), at.input(1), at.optional(2)];
    requireSameDtype(at);
    if (x.shape.length < 3 || w.shape.length !== x.shape.length) {
      at.fail(`input and weight must have the same rank of at least 3`);
    }
    const [n, channels, ...spatial] = x.shape as readonly [Dim, Dim, ...Dim[]];
    const filters = w.shape.every((length) => typeof length === "number")
      ? w.shape
      : at.fail("the weight's lengths must be numbers");
    const [out, perGroup, ...kernel] = filters as readonly [number, number, ...number[]];
    const { group = 1 } = at.attributes;
    if (typeof channels === "string" || channels % group !== 0) {
      at.fail(
        `groups (${group}) must divide the input channels (${channels}); check cardinality and base width`,
      );
    }
    if (out % group !== 0) at.fail(`groups (${group}) must divide the output channels (${out})`);
    if (perGroup * group !== channels) {
      at.fail(`weight expects ${perGroup} x ${group} input channels, the input has ${channels}`);
    }
    if (b && (b.shape.length !== 1 || b.shape[0] !== out)) at.fail(`bias must have shape [${out}]`);
    return [
      { dtype: x.dtype, shape: [n, out, ...windowedDims(at, spatial, windowOf(at, kernel, at.attributes))] },
    ];
  },
});

/** Attributes of a `Conv`. */
export type ConvolutionAttributes = AttributesOf<typeof Conv.attributes>;

/**
 * Convolution of `x` [N, C, ...] with `weight` [O, C / group, ...] and an optional bias [O].
 *
 * @throws GraphError when channels, groups and the bias do not fit together.
 */
export function conv<D extends DType>(
  x: Value<D>,
  weight: Value<D>,
  bias?: Value<D>,
  attributes: ConvAttributes = {},
): Value<D> {
  return apply1(Conv, [x, weight, bias], {
    ...attributes,
    kernel_shape: staticShape(weight).slice(2),
  }) as Value<D>;
}

/** A sliding window over the spatial axes, in ONNX's attributes. */
interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** Begin of every axis, then end of every axis. */
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
}

/** Completes the window attributes of a node by ONNX's defaults. */
export function windowOf(
  at: Application,
  kernel: readonly number[],
  { strides, pads, dilations }: Omit<ConvAttributes, "group">,
): Window {
  type Ints = readonly number[];
  const ints = (given: Ints | undefined, length: number, fallback: number, name: string): Ints => {
    if (given === undefined) return Array.from({ length }, () => fallback);
    return given.length === length
      ? given
      : at.fail(`${name} must have ${length} entries, got ${given.length}`);
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
