import {
  batchNormTrainingGrad,
  convInputGrad,
  convWeightGrad,
  maxPoolGrad,
  reluGrad,
} from "../ops/composite.ts";
import { add, div, mul, sqrt, sub } from "../ops/elementwise.ts";
import { allButChannels, channelColumn, reshape } from "../ops/layout.ts";
import { gemm } from "../ops/linear.ts";
import { reduceSum, softmax } from "../ops/reduction.ts";
import type { NodeOf } from "../ops/table.ts";
import { float32, type Float, type Node, staticShape } from "../value.ts";
import type { Vjp } from "./vjp.ts";

const floats = ({ inputs }: Pick<Node, "inputs">): readonly Float[] => inputs as readonly Float[];

export const relu: Vjp = (node, [dy]) => [reluGrad(node.outputs[0] as Float, dy!)];

export const convolution: Vjp<NodeOf<"Conv">> = (node, [dy]) => {
  const [x, w, b] = floats(node);
  return [
    convInputGrad(dy!, w!, node.attributes, staticShape(x!)),
    convWeightGrad(x!, dy!, node.attributes, staticShape(w!)),
    b && reduceSum(dy!, allButChannels(dy!), { keepdims: 0 }),
  ];
};

export const maxPool: Vjp<NodeOf<"MaxPool">> = (node, [dy]) => [
  maxPoolGrad(floats(node)[0]!, node.outputs[0] as Float, dy!, node.attributes),
];

/** Gradients reach the statistics of the batch through x; those of the running ones are not taken. */
export const batchNormTraining: Vjp<NodeOf<"BatchNormTraining">> = (node, [dy]) => {
  const [x, weight] = floats(node);
  const [, mean, variance] = node.outputs as readonly Float[];
  const statistics = { mean: mean!, variance: variance! };
  return batchNormTrainingGrad(x!, dy!, weight!, statistics, node.attributes.epsilon);
};

/** y = w · (x - m) / √(v + e) + b with constant statistics, as frozen layers have them. */
export const batchNormFrozen: Vjp<NodeOf<"BatchNormalization">> = (node, [dy]) => {
  const [x, weight, , mean, variance] = floats(node);
  const column = (value: Float): Float => channelColumn(value, x!);
  const std = sqrt(add(variance!, float32(node.attributes.epsilon)));
  const normal = div(sub(x!, column(mean!)), column(std));
  const sum = (value: Float): Float => reduceSum(value, allButChannels(x!), { keepdims: 0 });
  return [mul(dy!, column(div(weight!, std))), sum(mul(dy!, normal)), sum(dy!), undefined, undefined];
};

/** Y = op(A)·op(B) + C, where op transposes if asked. */
export const gemmProduct: Vjp<NodeOf<"Gemm">> = (node, [dy]) => {
  const [a, b, c] = floats(node);
  const flag = (bit: number | undefined): 0 | 1 => (bit === 1 ? 1 : 0);
  const [transA, transB] = [flag(node.attributes.transA), flag(node.attributes.transB)];
  const not = (bit: 0 | 1): 0 | 1 => (bit === 1 ? 0 : 1);
  return [
    // dA = dY·op(B)ᵀ, or its transpose
    transA === 1
      ? gemm(b!, dy!, undefined, { transA: transB, transB: 1 })
      : gemm(dy!, b!, undefined, { transB: not(transB) }),
    // dB = op(A)ᵀ·dY, or its transpose
    transB === 1
      ? gemm(dy!, a!, undefined, { transA: 1, transB: transA })
      : gemm(a!, dy!, undefined, { transA: not(transA) }),
    c && dy,
  ];
};

/** y = softmax(x): dX = y · (dY - Σ dY·y) */
export const softmaxOver: Vjp<NodeOf<"Softmax">> = (node, [dy]) => {
  const y = node.outputs[0] as Float;
  const { axis = -1 } = node.attributes;
  return [mul(y, sub(dy!, reduceSum(mul(dy!, y), [axis])))];
};

/** dLogits = (softmax · Σ targets - targets) · dLoss; targets are data. */
export const crossEntropy: Vjp = (node, [dy]) => {
  const [logits, targets] = floats(node);
  const mass = reduceSum(targets!, [1]);
  const difference = sub(mul(softmax(logits!, 1), mass), targets!);
  return [mul(difference, reshape(dy!, [-1, 1])), undefined];
};
