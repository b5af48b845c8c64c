import { reshape } from "../../ops/index.ts";
import type { Float } from "../lowering.ts";
import { placeColumns } from "./place-columns.ts";

/** Puts `stride - 1` zeros behind every row and column: [N, C, H, W] to [N, C, H · stride, W · stride]. */
export function spread(x: Float, [vertical, horizontal]: readonly [number, number]): Float {
  if (vertical === 1 && horizontal === 1) return x;
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  // The rows of zeros stand behind their row.
  const placed = placeColumns(x, vertical * horizontal * width, (column) => column * horizontal);
  return reshape(placed, [n, channels, height * vertical, width * horizontal]);
}
