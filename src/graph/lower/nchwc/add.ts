import { elementwise } from "./elementwise.ts";
import { withSum } from "./fuse-behind.ts";
import { blocked, type BlockedRule } from "./rule.ts";

/** Inside the convolution that made one of the terms: residuals, and gradients that meet. */
export const add: BlockedRule = (site) => {
  const [a, b] = site.node.inputs;
  if (!site.isBlocked(0) || !site.isBlocked(1) || a!.shape.join() !== b!.shape.join()) return undefined;
  const fused = withSum(site.open(0), site.blocked(1)) ?? withSum(site.open(1), site.blocked(0));
  return fused ? [blocked(fused)] : elementwise(site);
};
