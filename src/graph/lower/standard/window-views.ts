import { slice } from "../../ops/index.ts";
import { int64s } from "../../ops/literals.ts";
import type { Float } from "../lowering.ts";

type Pair = readonly [number, number];

/**
 * What a place of a window sees as the window moves: from (a, b) on, one input each stride, `size` of them.
 *
 * Inputs that are a stride apart are one phase. It is taken once for all places that read it, since ONNX
 * Runtime copies strided rows element by element.
 */
export function windowViews(padded: Float, [vertical, horizontal]: Pair, size: Pair): (place: Pair) => Float {
  const phases = new Map<string, Float>();
  const [height, width] = padded.shape.slice(2) as [number, number];
  const phaseOf = (first: Pair): Float => {
    if (vertical === 1 && horizontal === 1) return padded;
    const found =
      phases.get(first.join()) ??
      slice(padded, int64s(first), int64s([height, width]), [2, 3], [vertical, horizontal]);
    phases.set(first.join(), found);
    return found;
  };
  return ([a, b]) => {
    const [down, right] = [Math.floor(a / vertical), Math.floor(b / horizontal)];
    const phase = phaseOf([a % vertical, b % horizontal]);
    return slice(phase, int64s([down, right]), int64s([down + size[0], right + size[1]]), [2, 3]);
  };
}
