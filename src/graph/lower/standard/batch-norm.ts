import { elementCount } from "../../../core/index.ts";
import {
  add,
  allButChannels,
  channelColumn,
  div,
  float32,
  mul,
  reduceMean,
  reduceSum,
  sqrt,
  sub,
} from "../../ops/index.ts";
import type { Lowering } from "../lowering.ts";

export const batchNormTraining: Lowering = ([x, weight, bias], node) => {
  const axes = allButChannels(x!);
  const mean = reduceMean(x!, axes, { keepdims: 0 });
  const centred = sub(x!, channelColumn(mean, x!));
  const variance = reduceMean(mul(centred, centred), axes, { keepdims: 0 });
  const std = sqrt(add(variance, float32(node.attributes["epsilon"] as number)));
  const y = add(mul(centred, channelColumn(div(weight!, std), x!)), channelColumn(bias!, x!));
  return [y, mean, variance];
};

/**
 * dX = a · dY + b · (x - m) + c over M elements a channel: a = w / s, b = -a · dWeight / (s · M),
 * c = -a · dBias / M.
 */
export const batchNormTrainingGrad: Lowering = ([x, dy, weight, mean, variance], node) => {
  const axes = allButChannels(x!);
  const elements = elementCount(axes.map((axis) => x!.shape[axis] as number));
  const std = sqrt(add(variance!, float32(node.attributes["epsilon"] as number)));
  const centred = sub(x!, channelColumn(mean!, x!));
  const dBias = reduceSum(dy!, axes, { keepdims: 0 });
  const dWeight = div(reduceSum(mul(dy!, centred), axes, { keepdims: 0 }), std);
  const a = div(weight!, std);
  const share = mul(a, float32(-1 / elements));
  const b = mul(share, div(dWeight, std));
  const scaled = add(mul(dy!, channelColumn(a, x!)), mul(centred, channelColumn(b, x!)));
  return [add(scaled, channelColumn(mul(share, dBias), x!)), dWeight, dBias];
};
