import type { Random } from "../../core/index.ts";

/** Uniform in [from, to). */
export const uniformBetween = (random: Random, from: number, to: number): number =>
  from + (to - from) * random.uniform();
