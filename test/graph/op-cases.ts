import { tensor, type Tensor } from "../../src/core/index.ts";
import {
  add,
  batchNormalization,
  batchNormTraining,
  batchNormTrainingGrad,
  cast,
  clip,
  concat,
  constant,
  conv,
  convInputGrad,
  convWeightGrad,
  dequantizeLinear,
  div,
  equal,
  exp,
  expand,
  flatten,
  float32,
  floor,
  gather,
  gemm,
  globalAveragePool,
  greater,
  hardSigmoid,
  int64,
  int64s,
  log,
  matMul,
  maxPool,
  maxPoolGrad,
  maxPoolIndices,
  mul,
  neg,
  pad,
  quantizeLinear,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceSum,
  relu,
  reluGrad,
  reshape,
  round,
  scatterAdd,
  range,
  shapeOf,
  slice,
  softmax,
  sgdUpdate,
  softmaxCrossEntropy,
  sqrt,
  sub,
  transpose,
  type OpType,
  type Value,
} from "../../src/graph/index.ts";
import { randomTensors } from "../support/random-tensors.ts";
import type { Feeds, ValuesOf } from "../support/run-graph.ts";

/** One op, what it is applied to, and the same in PyTorch. An input called `x` has the batch as its first axis. */
export interface OpCase {
  readonly op: OpType;
  readonly name: string;
  readonly inputs: Feeds;
  readonly build: (values: Readonly<Record<string, Value>>) => Value;
  readonly torch: string;
}

const c = <F extends Feeds>(
  op: OpType,
  name: string,
  inputs: F,
  build: (values: ValuesOf<F>) => Value,
  torch: string,
): OpCase => ({ op, name, inputs, build: build as OpCase["build"], torch });

const { normal, uniform, integers } = randomTensors(20);
const ints = (...values: readonly number[]): Tensor<"int64"> =>
  tensor("int64", [values.length], BigInt64Array.from(values, BigInt));
const floats = (...values: readonly number[]): Tensor<"float32"> =>
  tensor("float32", [values.length], Float32Array.from(values));
const bytes = (...values: readonly number[]): Tensor<"uint8"> =>
  tensor("uint8", [values.length], Uint8Array.from(values));

const byte = (value: number): Value<"uint8"> => constant(tensor("uint8", [], Uint8Array.of(value)));

const image = { x: normal(2, 8, 9, 7) };
const ties = floats(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, -3.2, 2.7, 0, 1e9);
const norm = { s: normal(8), b: normal(8), m: normal(8), v: uniform(0.5, 2, 8) };
const pads = (...each: readonly number[]): { readonly pads: readonly number[] } => ({ pads: each });

const strided = { group: 4, kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
const sgdInputs = { p: normal(3, 4), d: normal(3, 4), m: normal(3, 4), r: uniform(0.1, 1) };
const stemPool = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };

// One line per case.
// prettier-ignore
export const opCases: readonly OpCase[] = [
  c("Conv", "3x3", { ...image, w: normal(6, 8, 3, 3) }, ({ x, w }) => conv(x, w), "F.conv2d(x, w)"),
  c("Conv", "bias", { ...image, w: normal(6, 8, 3, 3), b: normal(6) }, ({ x, w, b }) => conv(x, w, b), "F.conv2d(x, w, b)"),
  c("Conv", "padded", { ...image, w: normal(6, 8, 3, 3) }, ({ x, w }) => conv(x, w, undefined, pads(1, 1, 1, 1)), "F.conv2d(x, w, padding=1)"),
  c("Conv", "strided", { ...image, w: normal(6, 8, 3, 3) }, ({ x, w }) => conv(x, w, undefined, { strides: [2, 2], pads: [1, 1, 1, 1] }), "F.conv2d(x, w, stride=2, padding=1)"),
  c("Conv", "strides that differ", { ...image, w: normal(6, 8, 3, 3) }, ({ x, w }) => conv(x, w, undefined, { strides: [1, 3] }), "F.conv2d(x, w, stride=(1, 3))"),
  c("Conv", "pads that differ at begin and end", { ...image, w: normal(6, 8, 3, 3) }, ({ x, w }) => conv(x, w, undefined, pads(0, 1, 2, 3)), "F.conv2d(F.pad(x, (1, 3, 0, 2)), w)"),
  c("Conv", "grouped", { ...image, w: normal(12, 2, 3, 3) }, ({ x, w }) => conv(x, w, undefined, { group: 4 }), "F.conv2d(x, w, groups=4)"),
  c("Conv", "grouped, strided, with bias", { ...image, w: normal(12, 2, 3, 3), b: normal(12) }, ({ x, w, b }) => conv(x, w, b, { group: 4, strides: [2, 2], pads: [1, 1, 1, 1] }), "F.conv2d(x, w, b, groups=4, stride=2, padding=1)"),
  c("Conv", "depthwise", { ...image, w: normal(8, 1, 3, 3) }, ({ x, w }) => conv(x, w, undefined, { group: 8 }), "F.conv2d(x, w, groups=8)"),
  c("Conv", "dilated", { ...image, w: normal(6, 8, 3, 3) }, ({ x, w }) => conv(x, w, undefined, { dilations: [2, 2], pads: [2, 2, 2, 2] }), "F.conv2d(x, w, dilation=2, padding=2)"),
  c("Conv", "dilations that differ", { ...image, w: normal(6, 8, 3, 3) }, ({ x, w }) => conv(x, w, undefined, { dilations: [3, 1] }), "F.conv2d(x, w, dilation=(3, 1))"),
  c("Conv", "1x1", { ...image, w: normal(6, 8, 1, 1) }, ({ x, w }) => conv(x, w), "F.conv2d(x, w)"),
  c("Conv", "1x1 strided", { ...image, w: normal(6, 8, 1, 1) }, ({ x, w }) => conv(x, w, undefined, { strides: [2, 2] }), "F.conv2d(x, w, stride=2)"),
  c("Conv", "7x7 stem", { x: normal(1, 3, 32, 30), w: normal(8, 3, 7, 7) }, ({ x, w }) => conv(x, w, undefined, { strides: [2, 2], pads: [3, 3, 3, 3] }), "F.conv2d(x, w, stride=2, padding=3)"),
  c("Conv", "kernel 1x3", { ...image, w: normal(6, 8, 1, 3) }, ({ x, w }) => conv(x, w), "F.conv2d(x, w)"),
  c("Conv", "one spatial axis", { x: normal(2, 4, 9), w: normal(6, 4, 3) }, ({ x, w }) => conv(x, w), "F.conv1d(x, w)"),

  c("BatchNormalization", "images", { ...image, ...norm }, ({ x, s, b, m, v }) => batchNormalization(x, { weight: s, bias: b, runningMean: m, runningVar: v }, 1e-5), "F.batch_norm(x, m, v, s, b, eps=1e-5)"),
  c("BatchNormalization", "epsilon that matters", { ...image, ...norm, v: uniform(0, 0.01, 8) }, ({ x, s, b, m, v }) => batchNormalization(x, { weight: s, bias: b, runningMean: m, runningVar: v }, 0.1), "F.batch_norm(x, m, v, s, b, eps=0.1)"),
  c("BatchNormalization", "vectors", { x: normal(5, 8), ...norm }, ({ x, s, b, m, v }) => batchNormalization(x, { weight: s, bias: b, runningMean: m, runningVar: v }, 1e-5), "F.batch_norm(x, m, v, s, b, eps=1e-5)"),

  c("MaxPool", "3x3 stride 2 of the stem", image, ({ x }) => maxPool(x, { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }), "F.max_pool2d(x, 3, 2, 1)"),
  c("MaxPool", "2x2 stride 1", image, ({ x }) => maxPool(x, { kernel_shape: [2, 2] }), "F.max_pool2d(x, 2, 1)"),
  c("MaxPool", "padding never wins", { x: uniform(-9, -5, 1, 2, 5, 5) }, ({ x }) => maxPool(x, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }), "F.max_pool2d(x, 3, 1, 1)"),
  c("MaxPool", "kernel 3x1", image, ({ x }) => maxPool(x, { kernel_shape: [3, 1], strides: [2, 3] }), "F.max_pool2d(x, (3, 1), (2, 3))"),
  c("GlobalAveragePool", "images", image, ({ x }) => globalAveragePool(x), "x.mean((2, 3), keepdim=True)"),
  c("GlobalAveragePool", "one position", { x: normal(3, 4, 1, 1) }, ({ x }) => globalAveragePool(x), "x"),

  c("Gemm", "plain", { x: normal(3, 5), w: normal(5, 4) }, ({ x, w }) => gemm(x, w), "x @ w"),
  c("Gemm", "linear layer", { x: normal(3, 5), w: normal(4, 5), b: normal(4) }, ({ x, w, b }) => gemm(x, w, b, { transB: 1 }), "F.linear(x, w, b)"),
  c("Gemm", "transA", { a: normal(5, 3), w: normal(5, 4) }, ({ a, w }) => gemm(a, w, undefined, { transA: 1 }), "a.T @ w"),
  c("Gemm", "transA and transB", { a: normal(5, 3), w: normal(4, 5) }, ({ a, w }) => gemm(a, w, undefined, { transA: 1, transB: 1 }), "a.T @ w.T"),
  c("Gemm", "addend of a column", { x: normal(3, 5), w: normal(5, 4), b: normal(3, 1) }, ({ x, w, b }) => gemm(x, w, b), "x @ w + b"),
  c("MatMul", "matrices", { x: normal(3, 5), w: normal(5, 4) }, ({ x, w }) => matMul(x, w), "x @ w"),
  c("MatMul", "batch against one matrix", { x: normal(2, 3, 5), w: normal(5, 4) }, ({ x, w }) => matMul(x, w), "x @ w"),
  c("MatMul", "leading axes broadcast both ways", { x: normal(2, 1, 3, 5), w: normal(7, 5, 4) }, ({ x, w }) => matMul(x, w), "x @ w"),

  c("Add", "same shape", { x: normal(2, 3, 4), y: normal(2, 3, 4) }, ({ x, y }) => add(x, y), "x + y"),
  c("Add", "channels", { x: normal(2, 3, 4, 5), y: normal(3, 1, 1) }, ({ x, y }) => add(x, y), "x + y"),
  c("Add", "both broadcast", { a: normal(1, 3, 1), y: normal(4, 1, 5) }, ({ a, y }) => add(a, y), "a + y"),
  c("Add", "scalar constant", { x: normal(2, 3) }, ({ x }) => add(x, float32(1.5)), "x + 1.5"),
  c("Add", "no elements", { a: normal(0, 3), y: normal(3) }, ({ a, y }) => add(a, y), "a + y"),
  c("Add", "int64", { x: integers(-9, 9, 6), y: integers(-9, 9, 6) }, ({ x, y }) => add(x, y), "x + y"),
  c("Sub", "channels", { x: normal(2, 3, 4, 5), y: normal(3, 1, 1) }, ({ x, y }) => sub(x, y), "x - y"),
  c("Sub", "scalar first", { x: normal(2, 3) }, ({ x }) => sub(float32(1), x), "1 - x"),
  c("Mul", "channels", { x: normal(2, 3, 4, 5), y: normal(3, 1, 1) }, ({ x, y }) => mul(x, y), "x * y"),
  c("Mul", "int64", { x: integers(-9, 9, 6) }, ({ x }) => mul(x, int64(-7)), "x * -7"),
  c("Div", "channels", { x: normal(2, 3, 4, 5), y: uniform(1, 2, 3, 1, 1) }, ({ x, y }) => div(x, y), "x / y"),
  c("Div", "a constant divisor", { x: floats(1, -1, 4) }, ({ x }) => div(x, float32([2, 4, 0.5], [3])), "x / torch.tensor([2, 4, 0.5])"),
  c("Div", "integers, towards zero", { a: ints(7, -7, 7, -7, 1, 0) }, ({ a }) => div(a, int64s([2, 2, -2, -2, 3, 5])), "torch.div(a, torch.tensor([2, 2, -2, -2, 3, 5]), rounding_mode='trunc')"),
  c("Relu", "images", image, ({ x }) => relu(x), "F.relu(x)"),
  c("Floor", "signs and halves", { x: ties }, ({ x }) => floor(x), "torch.floor(x)"),
  c("Round", "halves to even", { x: ties }, ({ x }) => round(x), "torch.round(x)"),
  c("Clip", "both ends", { x: ties }, ({ x }) => clip(x, float32(-1), float32(2)), "torch.clamp(x, -1, 2)"),
  c("Clip", "int64", { x: integers(-20, 20, 9) }, ({ x }) => clip(x, int64(-5), int64(5)), "torch.clamp(x, -5, 5)"),

  c("Reshape", "plain", { a: normal(2, 3, 4) }, ({ a }) => reshape(a, [4, 6]), "a.reshape(4, 6)"),
  c("Reshape", "-1 takes what is left", { a: normal(2, 3, 4) }, ({ a }) => reshape(a, [3, -1]), "a.reshape(3, -1)"),
  c("Reshape", "0 keeps an axis", { x: normal(2, 3, 4) }, ({ x }) => reshape(x, [0, 12]), "x.reshape(2, 12)"),
  c("Reshape", "0 and -1", { x: normal(2, 3, 4, 5) }, ({ x }) => reshape(x, [0, 0, -1]), "x.reshape(2, 3, -1)"),
  c("Reshape", "-1 joins the batch", { x: normal(2, 3, 4) }, ({ x }) => reshape(x, [-1, 4]), "x.reshape(-1, 4)"),
  c("Reshape", "-1 takes the batch", { x: normal(2, 3, 4) }, ({ x }) => reshape(x, [-1, 12]), "x.reshape(-1, 12)"),
  c("Reshape", "to a vector", { x: normal(2, 3, 4) }, ({ x }) => reshape(x, [-1]), "x.reshape(-1)"),
  c("Reshape", "an added axis", { x: normal(2, 3) }, ({ x }) => reshape(x, [0, 1, 3]), "x.reshape(2, 1, 3)"),
  c("Flatten", "from axis 1", image, ({ x }) => flatten(x), "x.flatten(1)"),
  c("Flatten", "from axis 2", image, ({ x }) => flatten(x, 2), "x.reshape(16, 63)"),
  c("Flatten", "from axis 0", image, ({ x }) => flatten(x, 0), "x.reshape(1, -1)"),
  c("Flatten", "from axis -1", image, ({ x }) => flatten(x, -1), "x.reshape(-1, 7)"),
  c("Transpose", "to channels last", image, ({ x }) => transpose(x, [0, 2, 3, 1]), "x.permute(0, 2, 3, 1)"),
  c("Transpose", "batch inside", { x: normal(2, 3, 4) }, ({ x }) => transpose(x, [2, 0, 1]), "x.permute(2, 0, 1)"),
  c("Concat", "batch", { x: normal(2, 3), y: normal(4, 3) }, ({ x, y }) => concat([x, y], 0), "torch.cat([x, y], 0)"),
  c("Concat", "three on the last axis", { a: normal(2, 3), y: normal(2, 1) }, ({ a, y }) => concat([a, y, a], -1), "torch.cat([a, y, a], -1)"),
  c("Concat", "one", { x: normal(2, 3) }, ({ x }) => concat([x], 1), "x"),
  c("Gather", "channels", { x: normal(2, 5, 3), i: ints(4, 0, 0) }, ({ x, i }) => gather(x, i, 1), "x[:, i]"),
  c("Gather", "indices in two axes", { x: normal(2, 5, 3), i: tensor("int64", [2, 2], BigInt64Array.of(4n, 0n, 1n, 3n)) }, ({ x, i }) => gather(x, i, 1), "x[:, i]"),
  c("Gather", "a scalar index drops the axis", { x: normal(2, 5, 3) }, ({ x }) => gather(x, int64(3), 1), "x[:, 3]"),
  c("Gather", "negative index and axis", { x: normal(2, 5, 3), i: ints(-1, 1) }, ({ x, i }) => gather(x, i, -1), "x[..., i]"),
  c("Gather", "rows", { a: normal(5, 3), i: ints(2, 2) }, ({ a, i }) => gather(a, i), "a[i]"),
  c("Shape", "all axes", { a: normal(2, 3, 4) }, ({ a }) => shapeOf(a), "torch.tensor(a.shape)"),
  c("Shape", "some axes", { x: normal(2, 3, 4) }, ({ x }) => shapeOf(x, 0, 2), "torch.tensor(x.shape[0:2])"),
  c("Shape", "axes from the end", { x: normal(2, 3, 4) }, ({ x }) => shapeOf(x, -2), "torch.tensor(x.shape[-2:])"),
  c("Shape", "axes past the end", { x: normal(2, 3, 4) }, ({ x }) => shapeOf(x, 1, 9), "torch.tensor(x.shape[1:9])"),
  c("Range", "of an axis", { x: normal(2, 3, 4) }, ({ x }) => range(reshape(shapeOf(x, 1, 2), [])), "torch.arange(x.shape[1])"),
  c("Range", "of a constant", { x: normal(2) }, ({ x }) => add(range(int64(2)), cast(x, "int64")), "torch.arange(2) + x.long()"),
  c("Range", "of the batch", { x: normal(4, 3) }, ({ x }) => range(reshape(shapeOf(x, 0, 1), [])), "torch.arange(x.shape[0])"),
  c("Slice", "one axis", { x: normal(2, 5, 6) }, ({ x }) => slice(x, int64s([1]), int64s([4]), [1]), "x[:, 1:4]"),
  c("Slice", "two axes, from the end", { x: normal(2, 5, 6) }, ({ x }) => slice(x, int64s([-3, 0]), int64s([-1, 99]), [2, 1]), "x[:, 0:99, -3:-1]"),
  c("Slice", "nothing left", { x: normal(2, 5, 6) }, ({ x }) => slice(x, int64s([4]), int64s([2]), [1]), "x[:, 4:2]"),
  c("Slice", "batch", { x: normal(4, 3) }, ({ x }) => slice(x, int64s([1]), int64s([3]), [0]), "x[1:3]"),
  c("Slice", "bounds known when it runs", { x: normal(2, 5), from: ints(1), to: ints(4) }, ({ x, from, to }) => slice(x, from, to, [1]), "x[:, 1:4]"),

  c("ReduceMean", "space", image, ({ x }) => reduceMean(x, [2, 3]), "x.mean((2, 3), keepdim=True)"),
  c("ReduceMean", "without the axis", image, ({ x }) => reduceMean(x, [-1], { keepdims: 0 }), "x.mean(-1)"),
  c("ReduceSum", "batch", image, ({ x }) => reduceSum(x, [0]), "x.sum(0, keepdim=True)"),
  c("ReduceSum", "everything", { x: normal(3, 4) }, ({ x }) => reduceSum(x, [0, 1], { keepdims: 0 }), "x.sum()"),
  c("ReduceSum", "int64", { x: integers(-9, 9, 3, 4) }, ({ x }) => reduceSum(x, [1], { keepdims: 0 }), "x.sum(1)"),
  c("ReduceMin", "channels", image, ({ x }) => reduceMin(x, [1], { keepdims: 0 }), "x.amin(1)"),
  c("ReduceMin", "int64", { x: integers(-9, 9, 3, 4) }, ({ x }) => reduceMin(x, [0, 1]), "x.amin((0, 1), keepdim=True)"),
  c("Softmax", "logits", { x: uniform(-30, 90, 3, 10) }, ({ x }) => softmax(x), "F.softmax(x, -1)"),
  c("Softmax", "channels", image, ({ x }) => softmax(x, 1), "F.softmax(x, 1)"),


  c("Cast", "float32 to int64, towards zero", { x: floats(-2.7, -0.5, 0.5, 2.7, 1e9) }, ({ x }) => cast(x, "int64"), "x.long()"),
  c("Cast", "float32 to uint8", { x: floats(0, 0.9, 254.9, 255) }, ({ x }) => cast(x, "uint8"), "x.to(torch.uint8)"),
  c("Cast", "float32 to bool", { x: floats(0, -0, 0.1, -3) }, ({ x }) => cast(x, "bool"), "x.bool()"),
  c("Cast", "float32 to float64", image, ({ x }) => cast(x, "float64"), "x.double()"),
  c("Cast", "through float16", { x: floats(1 / 3, 65504, 1e-7, -2.0005) }, ({ x }) => cast(cast(x, "float16"), "float32"), "x.half().float()"),
  c("Cast", "through bfloat16", { x: floats(1 / 3, 65504, 1e-7, -2.0005) }, ({ x }) => cast(cast(x, "bfloat16"), "float32"), "x.bfloat16().float()"),
  c("Cast", "uint8 to float32", { x: bytes(0, 1, 127, 128, 255) }, ({ x }) => cast(x, "float32"), "x.float()"),
  c("Cast", "int64 to float32", { x: ints(-3, 0, 16777217) }, ({ x }) => cast(x, "float32"), "x.float()"),

  c("Neg", "", { x: ties }, ({ x }) => neg(x), "-x"),
  c("Exp", "", { x: uniform(-5, 5, 9) }, ({ x }) => exp(x), "x.exp()"),
  c("Log", "", { x: uniform(0.01, 5, 9) }, ({ x }) => log(x), "x.log()"),
  c("Sqrt", "", { x: uniform(0, 5, 9) }, ({ x }) => sqrt(x), "x.sqrt()"),
  c("ReduceMax", "logits", { x: normal(3, 10) }, ({ x }) => reduceMax(x, [1]), "x.amax(1, keepdim=True)"),
  c("Equal", "ties", { x: floats(1, 2, 3), y: floats(1, 0, 3) }, ({ x, y }) => equal(x, y), "x == y"),
  c("Greater", "zero", { x: ties }, ({ x }) => greater(x, float32(0)), "x > 0"),
  c("Pad", "zeros", { x: normal(2, 3) }, ({ x }) => pad(x, [0, 1, 0, 2]), "F.pad(x, (1, 2))"),
  c("Pad", "a value", { x: normal(2, 3) }, ({ x }) => pad(x, [0, 1, 0, 0], float32(-7)), "F.pad(x, (1, 0), value=-7)"),
  c("Pad", "negative cuts", { x: normal(2, 5) }, ({ x }) => pad(x, [0, 1, 0, -2]), "F.pad(x, (1, -2))"),
  c("Expand", "a leading axis", { a: normal(3, 1) }, ({ a }) => expand(a, [2, 3, 4]), "a.expand(2, 3, 4)"),
  c("Slice", "every second", { x: normal(2, 7) }, ({ x }) => slice(x, int64s([1]), int64s([6]), [1], [2]), "x[:, 1:6:2]"),

  c("QuantizeLinear", "halves and both ends", { x: ties }, ({ x }) => quantizeLinear(x, float32(1), byte(3)), "torch.clamp(torch.round(x) + 3, 0, 255).to(torch.uint8)"),
  c("QuantizeLinear", "a scale for each channel", { x: normal(2, 3, 4), s: uniform(0.01, 0.1, 3) }, ({ x, s }) => quantizeLinear(x, s, constant(tensor("int8", [3], Int8Array.of(0, -3, 5)))), "torch.clamp(torch.round(x / s[:, None]) + torch.tensor([0, -3, 5])[:, None], -128, 127).to(torch.int8)"),
  c("DequantizeLinear", "bytes", { x: bytes(0, 3, 255) }, ({ x }) => dequantizeLinear(x, float32(0.5), byte(3)), "(x.float() - 3) * 0.5"),
  c("DequantizeLinear", "a scale for each filter", { w: tensor("int8", [2, 2], Int8Array.of(-128, 127, 3, -4)), s: uniform(0.01, 0.1, 2) }, ({ w, s }) => dequantizeLinear(w, s, undefined, { axis: 0 }), "w.float() * s[:, None]"),
  c("DequantizeLinear", "sums", { w: tensor("int32", [2], Int32Array.of(-70000, 9)) }, ({ w }) => dequantizeLinear(w, float32(0.25)), "w.float() * 0.25"),

  c("ReluGrad", "", { y: floats(0, 1, 0, 2), d: floats(1, 2, 3, 4) }, ({ y, d }) => reluGrad(y, d), "d * (y > 0)"),
  c("ConvInputGrad", "grouped with stride", { d: normal(2, 12, 4, 4), w: normal(12, 2, 3, 3) }, ({ d, w }) => convInputGrad(d, w, strided, [2, 8, 8, 7]), "torch.nn.grad.conv2d_input((2, 8, 8, 7), w, d, stride=2, padding=1, groups=4)"),
  c("ConvWeightGrad", "grouped with stride", { a: normal(2, 8, 8, 7), d: normal(2, 12, 4, 4) }, ({ a, d }) => convWeightGrad(a, d, strided, [12, 2, 3, 3]), "torch.nn.grad.conv2d_weight(a, (12, 2, 3, 3), d, stride=2, padding=1, groups=4)"),
  c("MaxPoolGrad", "of the stem", { a: normal(2, 4, 9, 8), d: normal(2, 4, 5, 4) }, ({ a, d }) => maxPoolGrad(a, maxPool(a, stemPool), d, stemPool), "torch.autograd.functional.vjp(lambda a: F.max_pool2d(a, 3, 2, 1), a, d)[1]"),
  c("BatchNormTraining", "", { a: normal(4, 8, 5, 3), s: normal(8), b: normal(8) }, ({ a, s, b }) => batchNormTraining(a, s, b, 1e-5).y, "F.batch_norm(a, None, None, s, b, training=True)"),
  c("BatchNormTraining", "biased variance", { a: normal(4, 8, 5, 3), s: normal(8), b: normal(8) }, ({ a, s, b }) => batchNormTraining(a, s, b, 1e-5).variance, "a.var((0, 2, 3), unbiased=False)"),
  c("BatchNormTrainingGrad", "", { a: normal(4, 8, 5, 3), d: normal(4, 8, 5, 3), s: normal(8), b: normal(8) }, ({ a, d, s, b }) => batchNormTrainingGrad(a, d, s, batchNormTraining(a, s, b, 1e-5), 1e-5)[0]!, "torch.autograd.functional.vjp(lambda a: F.batch_norm(a, None, None, s, b, training=True), a, d)[1]"),
  c("HardSigmoid", "", { a: normal(4, 5) }, ({ a }) => hardSigmoid(a, 0.3, 0.4), "(0.3 * a + 0.4).clamp(0, 1)"),
  c("MaxPoolWithIndices", "of the stem", { a: normal(1, 1, 9, 8) }, ({ a }) => maxPoolIndices(a, stemPool), "F.max_pool2d(a, 3, 2, 1, return_indices=True)[1]"),
  c("ScatterElements", "added", { a: normal(4), i: ints(1, 3, 1), u: normal(3) }, ({ a, i, u }) => scatterAdd(a, i, u, 0), "a.scatter_add(0, i, u)"),
  c("SgdUpdate", "parameter, classical", sgdInputs, ({ p, d, m, r }) => sgdUpdate(p, d, m, r, { momentum: 0.9, weight_decay: 0.1, nesterov: 0 })[0], "p - r * (0.9 * m + d + 0.1 * p)"),
  c("SgdUpdate", "parameter, Nesterov", sgdInputs, ({ p, d, m, r }) => sgdUpdate(p, d, m, r, { momentum: 0.9, weight_decay: 0.1, nesterov: 1 })[0], "p - r * (d + 0.1 * p + 0.9 * (0.9 * m + d + 0.1 * p))"),
  c("SgdUpdate", "momentum without decay", sgdInputs, ({ p, d, m, r }) => sgdUpdate(p, d, m, r, { momentum: 0.9, weight_decay: 0, nesterov: 0 })[1], "0.9 * m + d"),
  c("SoftmaxCrossEntropy", "soft targets", { a: uniform(-90, 90, 3, 5), t: uniform(0, 1, 3, 5) }, ({ a, t }) => softmaxCrossEntropy(a, t), "-(t * a.log_softmax(1)).sum(1)"),
];
