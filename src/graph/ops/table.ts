import type { Op } from "../op-spec.ts";
import { MaxPoolGrad, ReluGrad } from "./activation-grad.ts";
import { BatchNormTraining, BatchNormTrainingGrad } from "./batch-norm-training.ts";
import {
  BlockedConv,
  BlockedGlobalAveragePool,
  BlockedMaxPool,
  BlockedReorderInput,
  BlockedReorderOutput,
} from "./blocked.ts";
import { Cast } from "./cast.ts";
import { Equal, Greater } from "./compare.ts";
import { Conv } from "./conv.ts";
import { ConvInputGrad, ConvWeightGrad } from "./conv-grad.ts";
import { SoftmaxCrossEntropy } from "./cross-entropy.ts";
import {
  Add,
  Clip,
  Div,
  Exp,
  Floor,
  HardSigmoid,
  Log,
  Mul,
  Neg,
  Relu,
  Round,
  Sqrt,
  Sub,
} from "./elementwise.ts";
import { Concat, Flatten, Gather, Reshape, ShapeOp, Slice, Transpose } from "./layout.ts";
import { Gemm, MatMul } from "./linear.ts";
import { BatchNormalization } from "./normalization.ts";
import { Expand, Pad } from "./pad.ts";
import { GlobalAveragePool, MaxPool, MaxPoolWithIndices } from "./pool.ts";
import { DequantizeLinear, QuantizeLinear } from "./quantize.ts";
import { ReduceMax, ReduceMean, ReduceMin, ReduceSum, Softmax } from "./reduce.ts";
import { Resize } from "./resize.ts";
import { ScatterElements } from "./scatter.ts";
import { SgdUpdate } from "./sgd-update.ts";

/** Names of every op this package emits. */
export type OpType =
  | "Add"
  | "BatchNormTraining"
  | "BatchNormTrainingGrad"
  | "BatchNormalization"
  | "BlockedConv"
  | "BlockedGlobalAveragePool"
  | "BlockedMaxPool"
  | "BlockedReorderInput"
  | "BlockedReorderOutput"
  | "Cast"
  | "Clip"
  | "Concat"
  | "Conv"
  | "ConvInputGrad"
  | "ConvWeightGrad"
  | "DequantizeLinear"
  | "Div"
  | "Equal"
  | "Exp"
  | "Expand"
  | "Flatten"
  | "Floor"
  | "Gather"
  | "Gemm"
  | "GlobalAveragePool"
  | "Greater"
  | "HardSigmoid"
  | "Log"
  | "MatMul"
  | "MaxPool"
  | "MaxPoolGrad"
  | "MaxPoolWithIndices"
  | "Mul"
  | "Neg"
  | "Pad"
  | "QuantizeLinear"
  | "ReduceMax"
  | "ReduceMean"
  | "ReduceMin"
  | "ReduceSum"
  | "Relu"
  | "ReluGrad"
  | "Reshape"
  | "Resize"
  | "Round"
  | "ScatterElements"
  | "SgdUpdate"
  | "Shape"
  | "Slice"
  | "Softmax"
  | "SoftmaxCrossEntropy"
  | "Sqrt"
  | "Sub"
  | "Transpose";

/** Every op this package emits, by its ONNX name. */
export const ops: { readonly [T in OpType]: Op<T> } = {
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
  ReduceMax,
  ReduceMean,
  ReduceMin,
  ReduceSum,
  Relu,
  ReluGrad,
  Reshape,
  Resize,
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
};
