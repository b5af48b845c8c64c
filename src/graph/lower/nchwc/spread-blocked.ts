import { pad, reshape } from "../../ops/index.ts";
import type { Float } from "../lowering.ts";
import { lengthsOf } from "./rule.ts";

/** Puts zeros behind every row and column of a blocked tensor, by the stride, and cuts or fills it to `size`. */
export function spreadBlocked(
  x: Float,
  [vertical, horizontal]: readonly [number, number],
  size: readonly [number, number],
  block: number,
): Float {
  const [n, channels, height, width] = lengthsOf(x);
  if (vertical === 1 && horizontal === 1 && size[0] === height && size[1] === width) return x;
  const planes = (n * channels) / block;
  const apart = reshape(x, [planes * height, 1, width, 1, block]);
  const zeros = pad(apart, [0, 0, 0, 0, 0, 0, vertical - 1, 0, horizontal - 1, 0]);
  const [rows, columns] = [height * vertical, width * horizontal];
  const whole = reshape(zeros, [planes, rows, columns, block]);
  const rest = [size[0] - rows, size[1] - columns] as const;
  const cut = rest.some((length) => length !== 0) ? pad(whole, [0, 0, 0, 0, 0, ...rest, 0]) : whole;
  return reshape(cut, [n, channels, ...size]);
}
