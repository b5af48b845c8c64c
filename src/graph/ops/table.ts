import type { AttributesOf, Node } from "../value.ts";
import {
  BlockedConv,
  BlockedGlobalAveragePool,
  BlockedMaxPool,
  BlockedReorderInput,
  BlockedReorderOutput,
} from "./blocked.ts";
import {
  BatchNormTraining,
  BatchNormTrainingGrad,
  ConvInputGrad,
  ConvWeightGrad,
  MaxPoolGrad,
  ReluGrad,
  SgdUpdate,
  SoftmaxCrossEntropy,
} from "./composite.ts";
import { Conv } from "./convolution.ts";
import {
  Add,
  Cast,
  Clip,
  Div,
  Equal,
  Exp,
  Floor,
  Greater,
  HardSigmoid,
  Log,
  Mul,
  Neg,
  Relu,
  Round,
  Sqrt,
  Sub,
} from "./elementwise.ts";
import {
  Concat,
  Expand,
  Flatten,
  Gather,
  Pad,
  Range,
  Reshape,
  ScatterElements,
  ShapeOp,
  Slice,
  Transpose,
} from "./layout.ts";
import { Gemm, MatMul } from "./linear.ts";
import { GlobalAveragePool, MaxPool, MaxPoolWithIndices } from "./pooling.ts";
import { DequantizeLinear, QuantizeLinear } from "./quantize.ts";
import { BatchNormalization, ReduceMax, ReduceMean, ReduceMin, ReduceSum, Softmax } from "./reduction.ts";

/** Every op this package emits, by its ONNX name. */
export const ops = {
  Add,
  BatchNormTraining,
  BatchNormTrainingGrad,
  BatchNormalization,
  BlockedConv,
  BlockedGlobalAveragePool,
  BlockedMaxPool,
  BlockedReorderInput,
  BlockedReorderOutput,
  Cast,
  Clip,
  Concat,
  Conv,
  ConvInputGrad,
  ConvWeightGrad,
  DequantizeLinear,
  Div,
  Equal,
  Exp,
  Expand,
  Flatten,
  Floor,
  Gather,
  Gemm,
  GlobalAveragePool,
  Greater,
  HardSigmoid,
  Log,
  MatMul,
  MaxPool,
  MaxPoolGrad,
  MaxPoolWithIndices,
  Mul,
  Neg,
  Pad,
  QuantizeLinear,
  Range,
  ReduceMax,
  ReduceMean,
  ReduceMin,
  ReduceSum,
  Relu,
  ReluGrad,
  Reshape,
  Round,
  ScatterElements,
  SgdUpdate,
  Shape: ShapeOp,
  Slice,
  Softmax,
  SoftmaxCrossEntropy,
  Sqrt,
  Sub,
  Transpose,
} as const;

/** Names of every op this package emits. */
export type OpType = keyof typeof ops;

/** An application of one op, its attributes typed. */
export type NodeOf<T extends OpType> = Node<AttributesOf<(typeof ops)[T]["attributes"]>>;
