import { convolutionOf } from "../convolution.ts";
import { mergedGroups } from "./merged-groups.ts";
import { pointwiseWeightGrad } from "./pointwise-weight-grad.ts";
import { isBlockable, lengthsOf, plain, type BlockedRule } from "./rule.ts";
import { spatialWeightGrad } from "./spatial-weight-grad.ts";
import { stemWeightGrad } from "./stem-weight-grad.ts";
import { unfoldedWeightGrad } from "./unfolded-weight-grad.ts";

/** Below, the sum over images of whole weights costs more than it saves. */
const fewestPixels = 64;

/** Each kind of convolution has a formulation of its own. */
export const convWeightGrad: BlockedRule = (site) => {
  const { node, block } = site;
  const [x, dy] = node.inputs;
  const convolution = convolutionOf(node);
  const { group, kernel, pads, dilations, shape } = convolution;
  if (!isBlockable(dy!, block)) return undefined;
  if (!isBlockable(x!, block)) {
    const isStem =
      group === 1 && (x!.shape[1] as number) < block && dilations.every((length) => length === 1);
    const grad = isStem && stemWeightGrad(site.plain(0), site.blocked(1), convolution, block);
    return grad ? [plain(grad)] : undefined;
  }
  const merged = mergedGroups(shape, group, block);
  if (!merged) return undefined;
  const operands = [site.blocked(0), site.blocked(1)] as const;
  const isPointwise =
    [...kernel, ...dilations].every((length) => length === 1) && pads.every((length) => length === 0);
  if (group === 1 && isPointwise) return [plain(pointwiseWeightGrad(...operands, convolution, block))];
  const [, , height, width] = lengthsOf(dy!);
  const isSmall = group === 1 && height * width < fewestPixels;
  const grad = isSmall ? undefined : spatialWeightGrad(...operands, convolution, merged, block);
  if (grad) return [plain(grad)];
  return group === 1 ? [plain(unfoldedWeightGrad(...operands, convolution))] : undefined;
};
