import { pad, reshape } from "../../ops/index.ts";
import type { Float } from "../lowering.ts";

/** Puts `stride - 1` zeros behind every row and column: [N, C, H, W] to [N, C, H · stride, W · stride]. */
export function spread(x: Float, [vertical, horizontal]: readonly [number, number]): Float {
  if (vertical === 1 && horizontal === 1) return x;
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const apart = reshape(x, [n, channels, height, 1, width, 1]);
  const padded = pad(apart, [0, 0, 0, 0, 0, 0, 0, 0, 0, vertical - 1, 0, horizontal - 1]);
  return reshape(padded, [n, channels, height * vertical, width * horizontal]);
}
