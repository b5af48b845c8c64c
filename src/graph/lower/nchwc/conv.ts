import { blockedConv } from "../../ops/index.ts";
import { convolutionOf } from "../convolution.ts";
import { blockDiagonal, blockedWeight, stemWeight } from "./blocked-weight.ts";
import { mergedGroups } from "./merged-groups.ts";
import { blocked, isBlockable, lengthsOf, type BlockedRule } from "./rule.ts";

/** Narrow groups are merged; a stem of few channels reads the image as it is. */
export const conv: BlockedRule = (site) => {
  const { node, block } = site;
  const [x, weight, bias] = node.inputs;
  if (!isBlockable(node.outputs[0]!, block)) return undefined;
  const given = bias && site.plain(2);
  const { group } = convolutionOf(node);
  if (group === 1 && (x!.shape[1] as number) < block) {
    const stem = stemWeight(site.plain(1));
    return [blocked(blockedConv(site.plain(0), stem, given, undefined, node.attributes))];
  }
  const merged = mergedGroups(lengthsOf(weight!), group, block);
  if (!merged || !isBlockable(x!, block)) return undefined;
  const wide = blockedWeight(blockDiagonal(site.plain(1), merged), block);
  const attributes = { ...node.attributes, group: merged.groups };
  return [blocked(blockedConv(site.blocked(0), wide, given, undefined, attributes))];
};
