import { blockedConv, expand, float32, neg, reshape } from "../../ops/index.ts";
import type { Float } from "../lowering.ts";
import { flat, type BlockedRule } from "./rule.ts";

/**
 * The classical form for large parameters as depthwise convolutions of one block: each adds its Sum to a
 * multiple of its input in one pass.
 */
export const sgdUpdate: BlockedRule = (site) => {
  const [parameter, momentum] = [site.flat(0), site.flat(2)];
  if (!parameter || !momentum) return undefined;
  const dims = parameter.shape as number[];
  const { momentum: mu, weight_decay: decay } = site.node.attributes as Readonly<Record<string, number>>;
  const { block } = site;
  const everywhere = (value: number): Float =>
    float32(
      Array.from({ length: block }, () => value),
      [block, 1, 1, 1],
    );
  const scaledPlus = (x: Float, scale: Float, sum: Float): Float =>
    blockedConv(x, scale, undefined, sum, { kernel_shape: [1, 1], group: block });

  const gradient = reshape(site.plain(1), dims);
  const g = decay! > 0 ? scaledPlus(parameter, everywhere(decay!), gradient) : gradient;
  const moved = scaledPlus(momentum, everywhere(mu!), g);
  const descent = expand(neg(site.plain(3)), [block, 1, 1, 1]);
  return [flat(scaledPlus(moved, descent, parameter)), flat(moved)];
};
