import type { Random } from "../../core/index.ts";
import { roundHalfToEven } from "../../core/round-half-to-even.ts";
import type { Size, Window } from "../resize.ts";
import type { AugmentationOptions } from "./options.ts";
import { uniformBetween } from "./uniform-between.ts";

const attempts = 10;
const area = [0.02, 1 / 3] as const;
const logShape = [Math.log(0.3), Math.log(1 / 0.3)] as const;

type ErasingOptions = Pick<AugmentationOptions, "reProb" | "reMode" | "reCount">;

/**
 * Draws the parts that timm's `RandomErasing` erases: 2 to 33 % of the area, shared by the parts, with sides in
 * the ratio 0.3 to 3.3. A part that does not fit in ten draws is left out.
 */
export function drawErasing(
  { width, height }: Size,
  { reProb, reCount }: ErasingOptions,
  random: Random,
): readonly Window[] {
  if (random.uniform() >= reProb) return [];
  const count = 1 + random.integer(reCount);
  const windows: Window[] = [];
  for (let part = 0; part < count; part++) {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const target = (uniformBetween(random, ...area) * width * height) / count;
      const shape = Math.exp(uniformBetween(random, ...logShape));
      const h = roundHalfToEven(Math.sqrt(target * shape));
      const w = roundHalfToEven(Math.sqrt(target / shape));
      if (w >= width || h >= height) continue;
      const top = random.integer(height - h + 1);
      windows.push({ left: random.integer(width - w + 1), top, width: w, height: h });
      break;
    }
  }
  return windows;
}

/** Erases random parts of normalised planes [3, height, width] in place. */
export function randomErasing(
  planes: Float32Array,
  size: Size,
  options: ErasingOptions,
  random: Random,
): void {
  const plane = size.width * size.height;
  for (const window of drawErasing(size, options, random)) {
    for (let channel = 0; channel < 3; channel++) {
      const color = options.reMode === "rand" ? random.normal() : 0;
      for (let y = 0; y < window.height; y++) {
        const start = channel * plane + (window.top + y) * size.width + window.left;
        const row = planes.subarray(start, start + window.width);
        if (options.reMode === "pixel") row.forEach((_, x) => (row[x] = random.normal()));
        else row.fill(color);
      }
    }
  }
}
