import { add, div, float32, mul, reduceMean, reduceSum, reshape, sqrt, sub } from "../../ops/index.ts";
import type { Float, Lowering } from "../lowering.ts";

const channelAxes = (x: Float): readonly number[] =>
  x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);

/** A value per channel, ready to be combined with [N, C, ...]. */
const column = (value: Float, x: Float): Float => reshape(value, [-1, ...x.shape.slice(2).map(() => 1)]);

export const batchNormTraining: Lowering = ([x, weight, bias], node) => {
  const axes = channelAxes(x!);
  const mean = reduceMean(x!, axes, { keepdims: 0 });
  const centred = sub(x!, column(mean, x!));
  const variance = reduceMean(mul(centred, centred), axes, { keepdims: 0 });
  const std = sqrt(add(variance, float32(node.attributes["epsilon"] as number)));
  const y = add(mul(centred, column(div(weight!, std), x!)), column(bias!, x!));
  return [y, mean, variance];
};

/** dX = w / s · (dY - Σ dY / M - x̂ · Σ dY·x̂ / M), where x̂ = (x - m) / s over M elements a channel. */
export const batchNormTrainingGrad: Lowering = ([x, dy, weight, mean, variance], node) => {
  const axes = channelAxes(x!);
  const elements = axes.reduce((product, axis) => product * (x!.shape[axis] as number), 1);
  const std = sqrt(add(variance!, float32(node.attributes["epsilon"] as number)));
  const normal = div(sub(x!, column(mean!, x!)), column(std, x!));
  const dBias = reduceSum(dy!, axes, { keepdims: 0 });
  const dWeight = reduceSum(mul(dy!, normal), axes, { keepdims: 0 });
  const share = float32(1 / elements);
  const projected = add(column(mul(dBias, share), x!), mul(normal, column(mul(dWeight, share), x!)));
  return [mul(sub(dy!, projected), column(div(weight!, std), x!)), dWeight, dBias];
};
