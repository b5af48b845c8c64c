import { elementCount } from "../../../core/index.ts";
import {
  blockedMaxPool,
  clip,
  float32,
  maxPoolIndices,
  reorderInput,
  reshape,
  scatterAdd,
  type PoolAttributes,
} from "../../ops/index.ts";
import { blocked, type BlockedRule } from "./rule.ts";

export const maxPool: BlockedRule = (site) =>
  site.isBlocked(0) ? [blocked(blockedMaxPool(site.blocked(0), site.node.attributes))] : undefined;

/** The plain kernel says where each window's first maximum stands; the gradients are added there. */
export const maxPoolGrad: BlockedRule = (site) => {
  if (!site.isBlocked(0)) return undefined;
  const [x, dy] = [site.plain(0), site.plain(2)];
  const indices = maxPoolIndices(x, site.node.attributes as unknown as PoolAttributes);
  // Computed from x, since a constant of this size would be stored.
  const zeros = clip(reshape(x, [elementCount(x.shape as number[])]), float32(0), float32(0));
  const sums = scatterAdd(zeros, reshape(indices, [-1]), reshape(dy, [-1]), 0);
  return [blocked(reorderInput(reshape(sums, x.shape as number[])))];
};
