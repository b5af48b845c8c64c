import { hardSigmoid, mul } from "../../ops/index.ts";
import { elementwise } from "./elementwise.ts";
import { withRelu } from "./fuse-behind.ts";
import { blocked, type BlockedRule } from "./rule.ts";

/** Inside the convolution before it, where there is one. */
export const relu: BlockedRule = (site) => {
  const convolution = site.open(0);
  return convolution ? [blocked(withRelu(convolution))] : elementwise(site);
};

/** So steep that every positive float32 above 1e-38 gives 1. */
const steepest = 1e38;

/** A mask of zeros and ones by a vectorised kernel: comparison, cast and Where are slower. */
export const reluGrad: BlockedRule = (site) => {
  if (!site.isBlocked(0) && !site.isBlocked(1)) return undefined;
  return [blocked(mul(hardSigmoid(site.blocked(0), steepest, 0), site.blocked(1)))];
};
