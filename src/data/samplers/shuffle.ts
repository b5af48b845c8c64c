import type { Random } from "../../core/index.ts";

/** Shuffles in place (Fisher and Yates); every order is equally likely. */
export function shuffle(indices: Uint32Array, random: Random): Uint32Array {
  for (let last = indices.length - 1; last > 0; last--) {
    const other = random.integer(last + 1);
    const held = indices[last]!;
    indices[last] = indices[other]!;
    indices[other] = held;
  }
  return indices;
}

/** 0, 1, ..., count - 1. */
export function ascending(count: number): Uint32Array {
  const indices = new Uint32Array(count);
  for (let i = 0; i < count; i++) indices[i] = i;
  return indices;
}
