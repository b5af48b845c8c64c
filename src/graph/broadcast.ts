import type { Dim, Shape } from "./value.ts";

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
