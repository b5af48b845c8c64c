import type { Application, Dim, Shape } from "../value.ts";

/** Objects unless every input that is given has the same dtype. */
export function requireSameDtype(at: Application): void {
  const dtypes = new Set(at.inputs.flatMap((value) => (value ? [value.dtype] : [])));
  if (dtypes.size > 1) at.fail(`operands must share a dtype, got ${[...dtypes].join(" and ")}`);
}

/** An axis counted from the front; negative ones count from the end. */
export function normalAxis(at: Application, axis: number, rank: number): number {
  return axis >= -rank && axis < rank
    ? (axis + rank) % rank
    : at.fail(`axis ${axis} is outside a rank of ${rank}`);
}

/** A position on an axis of a given length: negative ones count from the end, and none leaves the axis. */
export function clampPosition(position: number, length: number): number {
  return Math.min(Math.max(position < 0 ? position + length : position, 0), length);
}

/**
 * The shape of an elementwise op's result, by ONNX's (NumPy's) multidirectional rule.
 *
 * @returns `undefined` when the shapes do not fit together.
 */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    const dim = broadcastDim(left, right);
    if (dim === undefined) return undefined;
    result.push(dim);
  }
  return result;
}

/** A named length against a number: the number wins when it is not 1, since the name must then equal it. */
function broadcastDim(a: Dim, b: Dim): Dim | undefined {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (typeof a === "string") return b;
  return typeof b === "string" ? a : undefined;
}
