import type { Random } from "../../core/index.ts";
import { imagesByClass } from "./images-by-class.ts";
import { ascending, shuffle } from "./shuffle.ts";

/**
 * As many draws as there are images, each class equally often, in random order.
 *
 * Within a class all images are drawn before one is drawn again: the counts of two classes, and of two images of a
 * class, differ by one at most.
 */
export function classBalancedOrder(labels: ArrayLike<number>, random: Random): Uint32Array {
  const groups = imagesByClass(labels).filter((group) => group.length > 0);
  const order = new Uint32Array(labels.length);
  // Which classes get one draw more when the number of draws is no multiple of theirs.
  const turns = shuffle(ascending(groups.length), random);
  const shuffled = groups.map((group) => shuffle(group, random));
  for (let i = 0; i < order.length; i++) {
    const group = shuffled[turns[i % turns.length]!]!;
    order[i] = group[Math.floor(i / turns.length) % group.length]!;
  }
  return shuffle(order, random);
}
