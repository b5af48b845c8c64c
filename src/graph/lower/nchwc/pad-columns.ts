import { blockedConv, float32 } from "../../ops/index.ts";
import type { Float } from "../lowering.ts";

/** Zeros left and right of a blocked tensor: a convolution with ones, since Pad runs on one thread. */
export function padColumns(x: Float, left: number, right: number): Float {
  if (left === 0 && right === 0) return x;
  const channels = x.shape[1] as number;
  const ones = float32(
    Array.from({ length: channels }, () => 1),
    [channels, 1, 1, 1],
  );
  const attributes = { kernel_shape: [1, 1], group: channels, pads: [0, left, 0, right] };
  return blockedConv(x, ones, undefined, undefined, attributes);
}
