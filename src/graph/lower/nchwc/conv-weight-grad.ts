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
    const covered = group === 1 && (x!.shape[1] as number) < block && isStem(convolution);
    return covered ? [plain(stemWeightGrad(site.plain(0), site.blocked(1), convolution))] : undefined;
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

/** Square, without dilation. */
const isStem = ({ kernel, strides, dilations }: ReturnType<typeof convolutionOf>): boolean =>
  kernel[0] === kernel[1] && strides[0] === strides[1] && dilations.every((length) => length === 1);
