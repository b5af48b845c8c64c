import type { Node } from "../value.ts";

/** Attributes of a two-dimensional convolution, complete. */
export interface Convolution {
  readonly group: number;
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** Top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
  /** Shape of the gradient. */
  readonly shape: readonly [number, number, number, number];
}

/** Reads the attributes that a convolution's gradients carry along. */
export function convolutionOf({ attributes }: Node): Convolution {
  const { kernel_shape: kernel, ...given } = attributes;
  return { ...defaults, ...given, kernel } as unknown as Convolution;
}

const defaults = { group: 1, strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };
