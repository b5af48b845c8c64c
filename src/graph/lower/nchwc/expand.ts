import { expand as expandTo, reshape } from "../../ops/index.ts";
import { blocked, isBlockable, lengthsOf, type BlockedRule } from "./rule.ts";

/** One element a channel to all its pixels: [N, C, 1, 1] has the same order in both layouts. */
export const expand: BlockedRule = (site) => {
  const [x, y] = [site.node.inputs[0]!, site.node.outputs[0]!];
  if (!isBlockable(y, site.block)) return undefined;
  const [n, channels, height, width] = lengthsOf(y);
  if (x.shape.join() !== [n, channels, 1, 1].join()) return undefined;
  const rows = (n * channels) / site.block;
  const repeated = expandTo(reshape(site.plain(0), [rows, 1, site.block]), [
    rows,
    height * width,
    site.block,
  ]);
  return [blocked(reshape(repeated, [n, channels, height, width]))];
};
