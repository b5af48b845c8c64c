import { elementCount } from "../../core/index.ts";
import { add, div, exp, hardSigmoid, log, mul, sqrt, sub } from "../ops/elementwise.ts";
import { allButChannels, channelColumn, reshape } from "../ops/layout.ts";
import { reduceMax, reduceMean, reduceSum } from "../ops/reduction.ts";
import type { NodeOf } from "../ops/table.ts";
import { float32, staticShape, type Float } from "../value.ts";
import type { Lowering, LoweringTable } from "./lower.ts";
import { convInputGrad, convWeightGrad, maxPoolGrad } from "./standard-window-grads.ts";

const batchNormTraining: Lowering<NodeOf<"BatchNormTraining">> = ([x, weight, bias], node) => {
  const axes = allButChannels(x!);
  const mean = reduceMean(x!, axes, { keepdims: 0 });
  const centred = sub(x!, channelColumn(mean, x!));
  const variance = reduceMean(mul(centred, centred), axes, { keepdims: 0 });
  const std = sqrt(add(variance, float32(node.attributes.epsilon)));
  const y = add(mul(centred, channelColumn(div(weight!, std), x!)), channelColumn(bias!, x!));
  return [y, mean, variance];
};

/**
 * dX = a · dY + b · (x - m) + c over M elements a channel: a = w / s, b = -a · dWeight / (s · M),
 * c = -a · dBias / M.
 */
const batchNormTrainingGrad: Lowering<NodeOf<"BatchNormTrainingGrad">> = (
  [x, dy, weight, mean, variance],
  node,
) => {
  const axes = allButChannels(x!);
  const elements = elementCount(axes.map((axis) => staticShape(x!)[axis]!));
  const std = sqrt(add(variance!, float32(node.attributes.epsilon)));
  const centred = sub(x!, channelColumn(mean!, x!));
  const dBias = reduceSum(dy!, axes, { keepdims: 0 });
  const dWeight = div(reduceSum(mul(dy!, centred), axes, { keepdims: 0 }), std);
  const a = div(weight!, std);
  const share = mul(a, float32(-1 / elements));
  const b = mul(share, div(dWeight, std));
  const scaled = add(mul(dy!, channelColumn(a, x!)), mul(centred, channelColumn(b, x!)));
  return [add(scaled, channelColumn(mul(share, dBias), x!)), dWeight, dBias];
};

const sgdUpdate: Lowering<NodeOf<"SgdUpdate">> = (
  [parameter, gradient, momentum, learningRate],
  { attributes },
) => {
  const { momentum: mu, weight_decay: decay, nesterov } = attributes;
  const g = decay > 0 ? add(gradient!, mul(parameter!, float32(decay))) : gradient!;
  const next = add(mul(momentum!, float32(mu)), g);
  const direction = nesterov === 1 ? add(g, mul(next, float32(mu))) : next;
  return [sub(parameter!, mul(direction, learningRate!)), next];
};

/**
 * 1 where a value is positive, else 0, for every float32 that is not below 1e-38: a line so steep takes one pass, where comparison
 * and cast take two. It begins a little below 0, which no such value sees: OpenVINO reads a `beta` of 0 as left out, and takes 0.5.
 */
export const isPositive = (x: Float): Float => hardSigmoid(x, 1e38, -1e-30);

const reluGrad: Lowering = ([y, dy]) => [mul(dy!, isPositive(y!))];

/** Σ targets · (log Σ exp(x - max) - (x - max)): the largest exponent is 0, so nothing overflows. */
const softmaxCrossEntropy: Lowering = ([logits, targets]) => {
  const shifted = sub(logits!, reduceMax(logits!, [1]));
  const logSum = log(reduceSum(exp(shifted), [1]));
  const loss = reduceSum(mul(targets!, sub(logSum, shifted)), [1]);
  return [reshape(loss, [-1])];
};

/** ONNX operators only, and only those that WebGPU and WebAssembly have as well: runs everywhere. */
export const standard: LoweringTable = {
  BatchNormTraining: batchNormTraining,
  BatchNormTrainingGrad: batchNormTrainingGrad,
  ConvInputGrad: convInputGrad,
  ConvWeightGrad: convWeightGrad,
  MaxPoolGrad: maxPoolGrad,
  ReluGrad: reluGrad,
  SgdUpdate: sgdUpdate,
  SoftmaxCrossEntropy: softmaxCrossEntropy,
};
