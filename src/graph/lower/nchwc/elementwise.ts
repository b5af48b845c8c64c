import { apply } from "../../apply.ts";
import { blocked, type BlockedRule } from "./rule.ts";

/** The order of elements does not matter where every operand has the same one, or a single element. */
export const elementwise: BlockedRule = (site) => {
  const { op, inputs, attributes, outputs } = site.node;
  const shape = outputs[0]!.shape.join();
  const operands = inputs.map((value, index) => {
    if (site.isBlocked(index) && value!.shape.join() === shape) return site.blocked(index);
    return value!.shape.length === 0 ? site.plain(index) : undefined;
  });
  if (!operands.every(Boolean) || !inputs.some((_, index) => site.isBlocked(index))) return undefined;
  return apply(op, operands, attributes).map(blocked);
};
