import type { Application } from "../op-spec.ts";

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
