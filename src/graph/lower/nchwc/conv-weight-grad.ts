import { convolutionOf } from "../convolution.ts";
import { denseWeightGrad } from "./dense-weight-grad.ts";
import { groupedWeightGrad } from "./grouped-weight-grad.ts";
import { mergedGroups } from "./merged-groups.ts";
import { pointwiseWeightGrad } from "./pointwise-weight-grad.ts";
import { isBlockable, plain, type BlockedRule } from "./rule.ts";
import { stemWeightGrad } from "./stem-weight-grad.ts";

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
  if (group === 1) return [plain(denseWeightGrad(...operands, convolution))];
  const grad = groupedWeightGrad(...operands, convolution, merged, block);
  return grad && [plain(grad)];
};

/** Square, without dilation. */
const isStem = ({ kernel, strides, dilations }: ReturnType<typeof convolutionOf>): boolean =>
  kernel[0] === kernel[1] && strides[0] === strides[1] && dilations.every((length) => length === 1);
