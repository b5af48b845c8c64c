import type { Op } from "../op-spec.ts";
import { Cast } from "./cast.ts";
import { Conv } from "./conv.ts";
import { Add, Clip, Div, Floor, Mul, Relu, Round, Sub } from "./elementwise.ts";
import { Concat, Flatten, Gather, Reshape, ShapeOp, Slice, Transpose } from "./layout.ts";
import { Gemm, MatMul } from "./linear.ts";
import { BatchNormalization } from "./normalization.ts";
import { GlobalAveragePool, MaxPool } from "./pool.ts";
import { ReduceMean, ReduceMin, ReduceSum, Softmax } from "./reduce.ts";
import { Resize } from "./resize.ts";

/** Names of every op this package emits. */
export type OpType =
  | "Add"
  | "BatchNormalization"
  | "Cast"
  | "Clip"
  | "Concat"
  | "Conv"
  | "Div"
  | "Flatten"
  | "Floor"
  | "Gather"
  | "Gemm"
  | "GlobalAveragePool"
  | "MatMul"
  | "MaxPool"
  | "Mul"
  | "ReduceMean"
  | "ReduceMin"
  | "ReduceSum"
  | "Relu"
  | "Reshape"
  | "Resize"
  | "Round"
  | "Shape"
  | "Slice"
  | "Softmax"
  | "Sub"
  | "Transpose";

/** Every op this package emits, by its ONNX name. */
export const ops: { readonly [T in OpType]: Op<T> } = {
  Add,
  BatchNormalization,
  Cast,
  Clip,
  Concat,
  Conv,
  Div,
  Flatten,
  Floor,
  Gather,
  Gemm,
  GlobalAveragePool,
  MatMul,
  MaxPool,
  Mul,
  ReduceMean,
  ReduceMin,
  ReduceSum,
  Relu,
  Reshape,
  Resize,
  Round,
  Shape: ShapeOp,
  Slice,
  Softmax,
  Sub,
  Transpose,
};
