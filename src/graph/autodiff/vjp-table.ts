import type { NodeOf, OpType } from "../ops/table.ts";
import * as network from "./network-rules.ts";
import * as tensor from "./tensor-rules.ts";
import type { NonDifferentiable, Vjp } from "./vjp.ts";

const because = (nonDifferentiable: string): NonDifferentiable => ({ nonDifferentiable });
const integers = because("gives integers or truth values");
const steps = because("is constant between its steps");
const quantized = because("stands in quantised inference graphs only; training is in float32");
const second = because("is a gradient itself; second derivatives are not supported");
const layouts = because(
  "belongs to one device's layout; differentiate before the graph is written for a device",
);
const unused = because("no loss or layer of this package needs it");

/** The rule of every op: a new op does not compile until it has one, or says why not. */
export const vjpTable: { readonly [T in OpType]: Vjp<NodeOf<T>> | NonDifferentiable } = {
  Add: tensor.add,
  BatchNormTraining: network.batchNormTraining,
  BatchNormTrainingGrad: second,
  BatchNormalization: network.batchNormFrozen,
  BlockedConv: layouts,
  BlockedGlobalAveragePool: layouts,
  BlockedMaxPool: layouts,
  BlockedReorderInput: layouts,
  BlockedReorderOutput: layouts,
  Cast: because("ends in another dtype; gradients are float32 throughout"),
  Clip: unused,
  Concat: tensor.split,
  Conv: network.convolution,
  ConvInputGrad: second,
  ConvWeightGrad: second,
  DequantizeLinear: quantized,
  Div: tensor.divide,
  Equal: integers,
  Exp: tensor.exponential,
  Expand: (_, [dy]) => [dy],
  Flatten: tensor.reshaped,
  Floor: steps,
  Gather: unused,
  Gemm: network.gemmProduct,
  GlobalAveragePool: tensor.spread((count) => 1 / count),
  Greater: integers,
  HardSigmoid: unused,
  Log: tensor.logarithm,
  MatMul: tensor.matrixProduct,
  MaxPool: network.maxPool,
  MaxPoolGrad: second,
  MaxPoolWithIndices: unused,
  Mul: tensor.multiply,
  Neg: tensor.negate,
  Pad: tensor.cropped,
  QuantizeLinear: quantized,
  Range: integers,
  ReduceMax: unused,
  ReduceMean: tensor.spread((count) => 1 / count),
  ReduceMin: unused,
  ReduceSum: tensor.spread(() => 1),
  Relu: network.relu,
  ReluGrad: second,
  Reshape: tensor.reshaped,
  Round: steps,
  ScatterElements: unused,
  SgdUpdate: because("is the end of a step, behind the loss"),
  Shape: integers,
  Slice: tensor.padded,
  Softmax: network.softmaxOver,
  SoftmaxCrossEntropy: network.crossEntropy,
  Sqrt: tensor.squareRoot,
  Sub: tensor.sub,
  Transpose: tensor.transposed,
};
