import type { Tensor } from "../../src/core/index.ts";
import {
  add,
  batchNormalization,
  batchNormTraining,
  concat,
  conv,
  div,
  exp,
  expand,
  flatten,
  gemm,
  globalAveragePool,
  int64s,
  log,
  matMul,
  maxPool,
  mul,
  neg,
  pad,
  reduceMean,
  reduceSum,
  relu,
  reshape,
  slice,
  softmax,
  softmaxCrossEntropy,
  sqrt,
  sub,
  transpose,
  type OpType,
  type Value,
} from "../../src/graph/index.ts";
import { randomTensors } from "../support/random-tensors.ts";

export type Float = Value<"float32">;
type Inputs = Readonly<Record<string, Tensor<"float32">>>;

/** An op, what it is applied to, and the same as a Python function of those inputs. */
export interface GradientCase {
  readonly op: OpType;
  readonly name: string;
  readonly inputs: Inputs;
  readonly build: (values: Readonly<Record<string, Float>>) => Float;
  readonly torch: string;
  /** Inputs that are data: no gradient is taken. */
  readonly data?: readonly string[];
}

const c = <I extends Inputs>(
  op: OpType,
  name: string,
  inputs: I,
  build: (values: { readonly [K in keyof I]: Float }) => Float,
  torch: string,
  data: readonly string[] = [],
): GradientCase => ({ op, name, inputs, build: build as GradientCase["build"], torch, data });

const { normal, uniform } = randomTensors(30);
const pair = { a: normal(3, 4), b: normal(3, 4) };
const image = { x: normal(2, 8, 9, 7) };
const channels = { s: normal(8), t: normal(8) };
const square = (pads: number, stride = 1, group = 1, dilation = 1): Parameters<typeof conv>[3] => ({
  pads: [pads, pads, pads, pads],
  strides: [stride, stride],
  dilations: [dilation, dilation],
  group,
});
const pool = (kernel: number, stride: number, pads: number): Parameters<typeof maxPool>[1] => ({
  kernel_shape: [kernel, kernel],
  strides: [stride, stride],
  pads: [pads, pads, pads, pads],
});
/** Few distinct values, so that most windows have several largest elements. */
const tied = (x: Tensor<"float32">): Tensor<"float32"> => ({
  ...x,
  data: x.data.map((value) => Math.round(value)),
});
const probabilities = (x: Tensor<"float32">): Tensor<"float32"> => ({ ...x, data: x.data.map(Math.abs) });

export const gradientCases: readonly GradientCase[] = [
  c("Add", "same shape", pair, ({ a, b }) => add(a, b), "lambda a, b: a + b"),
  c(
    "Add",
    "broadcast",
    { a: normal(2, 3, 4), b: normal(3, 1) },
    ({ a, b }) => add(a, b),
    "lambda a, b: a + b",
  ),
  c("Add", "twice the same value", { a: normal(3, 4) }, ({ a }) => add(a, mul(a, a)), "lambda a: a + a * a"),
  c("Sub", "broadcast", { a: normal(4), b: normal(3, 4) }, ({ a, b }) => sub(a, b), "lambda a, b: a - b"),
  c("Mul", "broadcast", { a: normal(3, 1), b: normal(1, 4) }, ({ a, b }) => mul(a, b), "lambda a, b: a * b"),
  c("Mul", "no elements", { a: normal(0, 4), b: normal(4) }, ({ a, b }) => mul(a, b), "lambda a, b: a * b"),
  c(
    "Div",
    "broadcast",
    { a: normal(3, 4), b: uniform(1, 2, 4) },
    ({ a, b }) => div(a, b),
    "lambda a, b: a / b",
  ),
  c("Neg", "", { a: normal(5) }, ({ a }) => neg(a), "lambda a: -a"),
  c("Exp", "", { a: normal(5) }, ({ a }) => exp(a), "lambda a: a.exp()"),
  c("Log", "", { a: uniform(1, 3, 5) }, ({ a }) => log(a), "lambda a: a.log()"),
  c("Sqrt", "", { a: uniform(1, 3, 5) }, ({ a }) => sqrt(a), "lambda a: a.sqrt()"),
  c("Relu", "", image, ({ x }) => relu(x), "lambda x: x.relu()"),
  c("Relu", "zeros have no gradient", { x: tied(normal(40)) }, ({ x }) => relu(x), "lambda x: x.relu()"),
  c("Softmax", "last axis", { x: normal(3, 5) }, ({ x }) => softmax(x), "lambda x: x.softmax(-1)"),
  c("Softmax", "middle axis", { x: normal(2, 5, 3) }, ({ x }) => softmax(x, 1), "lambda x: x.softmax(1)"),
  c("Reshape", "", { x: normal(2, 6) }, ({ x }) => reshape(x, [3, -1]), "lambda x: x.reshape(3, 4)"),
  c("Flatten", "", { x: normal(2, 3, 4) }, ({ x }) => flatten(x), "lambda x: x.flatten(1)"),
  c(
    "Transpose",
    "",
    { x: normal(2, 3, 4) },
    ({ x }) => transpose(x, [2, 0, 1]),
    "lambda x: x.permute(2, 0, 1)",
  ),
  c("Expand", "", { x: normal(3, 1) }, ({ x }) => expand(x, [2, 3, 4]), "lambda x: x.expand(2, 3, 4)"),
  c(
    "Concat",
    "",
    { a: normal(2, 3), b: normal(2, 5) },
    ({ a, b }) => concat([a, b], -1),
    "lambda a, b: torch.cat([a, b], 1)",
  ),
  c(
    "Slice",
    "",
    { x: normal(4, 6) },
    ({ x }) => slice(x, int64s([1, -4]), int64s([3, 9]), [0, 1]),
    "lambda x: x[1:3, 2:]",
  ),
  c("Pad", "", { x: normal(2, 3) }, ({ x }) => pad(x, [1, 0, 2, 3]), "lambda x: F.pad(x, (0, 3, 1, 2))"),
  c(
    "ReduceSum",
    "dropped axes",
    { x: normal(2, 3, 4) },
    ({ x }) => reduceSum(x, [0, 2], { keepdims: 0 }),
    "lambda x: x.sum((0, 2))",
  ),
  c(
    "ReduceMean",
    "kept axes",
    { x: normal(2, 3, 4) },
    ({ x }) => reduceMean(x, [-1, 1]),
    "lambda x: x.mean((1, 2), keepdim=True)",
  ),
  c("MatMul", "", { a: normal(3, 4), b: normal(4, 5) }, ({ a, b }) => matMul(a, b), "lambda a, b: a @ b"),
  c(
    "MatMul",
    "broadcast batch",
    { a: normal(2, 1, 3, 4), b: normal(5, 4, 2) },
    ({ a, b }) => matMul(a, b),
    "lambda a, b: a @ b",
  ),
  c("Gemm", "plain", { a: normal(3, 4), b: normal(4, 5) }, ({ a, b }) => gemm(a, b), "lambda a, b: a @ b"),
  c(
    "Gemm",
    "linear",
    { a: normal(3, 4), b: normal(5, 4), d: normal(5) },
    ({ a, b, d }) => gemm(a, b, d, { transB: 1 }),
    "lambda a, b, d: F.linear(a, b, d)",
  ),
  c(
    "Gemm",
    "first transposed",
    { a: normal(4, 3), b: normal(4, 5) },
    ({ a, b }) => gemm(a, b, undefined, { transA: 1 }),
    "lambda a, b: a.T @ b",
  ),
  c(
    "Gemm",
    "both transposed",
    { a: normal(4, 3), b: normal(5, 4) },
    ({ a, b }) => gemm(a, b, undefined, { transA: 1, transB: 1 }),
    "lambda a, b: a.T @ b.T",
  ),
  c(
    "Conv",
    "1x1",
    { ...image, w: normal(6, 8, 1, 1) },
    ({ x, w }) => conv(x, w),
    "lambda x, w: F.conv2d(x, w)",
  ),
  c(
    "Conv",
    "1x1 with stride",
    { ...image, w: normal(6, 8, 1, 1) },
    ({ x, w }) => conv(x, w, undefined, square(0, 2)),
    "lambda x, w: F.conv2d(x, w, stride=2)",
  ),
  c(
    "Conv",
    "3x3 with bias",
    { ...image, w: normal(4, 8, 3, 3), b: normal(4) },
    ({ x, w, b }) => conv(x, w, b, square(1)),
    "lambda x, w, b: F.conv2d(x, w, b, padding=1)",
  ),
  c(
    "Conv",
    "grouped",
    { ...image, w: normal(12, 2, 3, 3) },
    ({ x, w }) => conv(x, w, undefined, square(1, 1, 4)),
    "lambda x, w: F.conv2d(x, w, padding=1, groups=4)",
  ),
  c(
    "Conv",
    "grouped with stride",
    { ...image, w: normal(8, 2, 3, 3) },
    ({ x, w }) => conv(x, w, undefined, square(1, 2, 4)),
    "lambda x, w: F.conv2d(x, w, padding=1, stride=2, groups=4)",
  ),
  c(
    "Conv",
    "dilated",
    { ...image, w: normal(4, 8, 3, 3) },
    ({ x, w }) => conv(x, w, undefined, square(2, 1, 1, 2)),
    "lambda x, w: F.conv2d(x, w, padding=2, dilation=2)",
  ),
  c(
    "Conv",
    "stem",
    { x: normal(2, 3, 20, 22), w: normal(4, 3, 7, 7) },
    ({ x, w }) => conv(x, w, undefined, square(3, 2)),
    "lambda x, w: F.conv2d(x, w, padding=3, stride=2)",
  ),
  c(
    "Conv",
    "rows that are never read",
    { x: normal(1, 2, 8, 9), w: normal(2, 2, 2, 2) },
    ({ x, w }) => conv(x, w, undefined, square(0, 3)),
    "lambda x, w: F.conv2d(x, w, stride=3)",
  ),
  c(
    "MaxPool",
    "of the stem",
    image,
    ({ x }) => maxPool(x, pool(3, 2, 1)),
    "lambda x: F.max_pool2d(x, 3, 2, 1)",
  ),
  c(
    "MaxPool",
    "ties go to the first",
    { x: tied(normal(2, 4, 9, 8)) },
    ({ x }) => maxPool(x, pool(3, 2, 1)),
    "lambda x: F.max_pool2d(x, 3, 2, 1)",
  ),
  c(
    "MaxPool",
    "rows that are never read",
    { x: normal(1, 2, 8, 8) },
    ({ x }) => maxPool(x, pool(2, 3, 0)),
    "lambda x: F.max_pool2d(x, 2, 3)",
  ),
  c(
    "GlobalAveragePool",
    "",
    image,
    ({ x }) => globalAveragePool(x),
    "lambda x: x.mean((2, 3), keepdim=True)",
  ),
  c(
    "BatchNormalization",
    "frozen statistics",
    { ...image, ...channels, m: normal(8), v: uniform(0.5, 2, 8) },
    ({ x, s, t, m, v }) => batchNormalization(x, { weight: s, bias: t, runningMean: m, runningVar: v }, 1e-5),
    "lambda x, s, t, m, v: F.batch_norm(x, m, v, s, t)",
    ["m", "v"],
  ),
  c(
    "BatchNormTraining",
    "",
    { ...image, ...channels },
    ({ x, s, t }) => batchNormTraining(x, s, t, 1e-5).y,
    "lambda x, s, t: F.batch_norm(x, None, None, s, t, training=True)",
  ),
  c(
    "SoftmaxCrossEntropy",
    "soft targets",
    { x: normal(3, 5), y: probabilities(normal(3, 5)) },
    ({ x, y }) => softmaxCrossEntropy(x, y),
    "lambda x, y: -(y * x.log_softmax(1)).sum(1)",
    ["y"],
  ),
  c(
    "SoftmaxCrossEntropy",
    "large logits",
    { x: uniform(-500, 500, 3, 5), y: probabilities(normal(3, 5)) },
    ({ x, y }) => softmaxCrossEntropy(x, y),
    "lambda x, y: -(y * x.log_softmax(1)).sum(1)",
    ["y"],
  ),
];
