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

/** dX = w / s · (dY - Σ dY / M - x̂ · Σ dY·x̂ / M), where x̂ = (x - m) / s over M elements a channel. */
export const batchNormTrainingGrad: Lowering = ([x, dy, weight, mean, variance], node) => {
  const axes = allButChannels(x!);
  const elements = elementCount(axes.map((axis) => x!.shape[axis] as number));
  const std = sqrt(add(variance!, float32(node.attributes["epsilon"] as number)));
  const normal = div(sub(x!, channelColumn(mean!, x!)), channelColumn(std, x!));
  const dBias = reduceSum(dy!, axes, { keepdims: 0 });
  const dWeight = reduceSum(mul(dy!, normal), axes, { keepdims: 0 });
  const share = float32(1 / elements);
  const projected = add(
    channelColumn(mul(dBias, share), x!),
    mul(normal, channelColumn(mul(dWeight, share), x!)),
  );
  return [mul(sub(dy!, projected), channelColumn(div(weight!, std), x!)), dWeight, dBias];
};
