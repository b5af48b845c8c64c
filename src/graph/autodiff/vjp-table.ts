import type { OpType } from "../ops/index.ts";
import * as arithmetic from "./arithmetic-rules.ts";
import * as layout from "./layout-rules.ts";
import * as network from "./network-rules.ts";
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
export const vjpTable: Readonly<Record<OpType, Vjp | NonDifferentiable>> = {
  Add: arithmetic.add,
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
  Concat: layout.split,
  Conv: network.convolution,
  ConvInputGrad: second,
  ConvWeightGrad: second,
  DequantizeLinear: quantized,
  Div: arithmetic.divide,
  Equal: integers,
  Exp: arithmetic.exponential,
  Expand: (_, [dy]) => [dy],
  Flatten: layout.reshaped,
  Floor: steps,
  Gather: unused,
  Gemm: network.gemmProduct,
  GlobalAveragePool: layout.spread((count) => 1 / count),
  Greater: integers,
  HardSigmoid: unused,
  Log: arithmetic.logarithm,
  MatMul: arithmetic.matrixProduct,
  MaxPool: network.maxPool,
  MaxPoolGrad: second,
  MaxPoolWithIndices: unused,
  Mul: arithmetic.multiply,
  Neg: arithmetic.negate,
  Pad: layout.cropped,
  QuantizeLinear: quantized,
  ReduceMax: unused,
  ReduceMean: layout.spread((count) => 1 / count),
  ReduceMin: unused,
  ReduceSum: layout.spread(() => 1),
  Relu: network.relu,
  ReluGrad: second,
  Reshape: layout.reshaped,
  Resize: unused,
  Round: steps,
  ScatterElements: unused,
  SgdUpdate: because("is the end of a step, behind the loss"),
  Shape: integers,
  Slice: layout.padded,
  Softmax: network.softmaxOver,
  SoftmaxCrossEntropy: network.crossEntropy,
  Sqrt: arithmetic.squareRoot,
  Sub: arithmetic.sub,
  Transpose: layout.transposed,
};
