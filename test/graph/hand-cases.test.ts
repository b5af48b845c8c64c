import { describe, expect, it } from "vitest";
import { tensor, type Tensor } from "../../src/core/index.ts";
import * as g from "../../src/graph/index.ts";
import { blockedDomain } from "../../src/graph/value.ts";
import { evaluate } from "../support/run-graph.ts";

type X = g.Value<"float32">;

const square = tensor("float32", [1, 1, 3, 3], Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
const matrix = tensor("float32", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
const halves = tensor("float32", [6], Float32Array.of(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5));
const ones = (...shape: readonly number[]): X =>
  g.float32(
    Array.from({ length: shape.reduce((product, dim) => product * dim, 1) }, () => 1),
    shape,
  );
const vector = (...values: readonly number[]): X => g.float32(values, [values.length]);
const scalar = (value: number): g.Value<"uint8"> => g.constant(tensor("uint8", [], Uint8Array.of(value)));
const normalised = (x: X): X =>
  g.batchNormalization(
    x,
    { weight: vector(3), bias: vector(1), runningMean: vector(5), runningVar: vector(3.75) },
    0.25,
  );

/** Worked out by hand, so that each op is tested without PyTorch too. */
// prettier-ignore
const cases: readonly (readonly [string, Tensor<"float32">, (x: X) => g.Value, readonly number[]])[] = [
  ["Conv sums a 2x2 window", square, (x) => g.conv(x, ones(1, 1, 2, 2)), [12, 16, 24, 28]],
  ["Conv pads with zeros", square, (x) => g.conv(x, ones(1, 1, 3, 3), undefined, { pads: [1, 1, 1, 1], strides: [2, 2] }), [12, 16, 24, 28]],
  ["Conv dilates", square, (x) => g.conv(x, ones(1, 1, 2, 2), vector(0.5), { dilations: [2, 2] }), [20.5]],
  ["Conv keeps groups apart", tensor("float32", [1, 2, 1, 1], Float32Array.of(3, 5)), (x) => g.conv(x, g.float32([2, 10], [2, 1, 1, 1]), undefined, { group: 2 }), [6, 50]],
  ["BatchNormalization adds epsilon to the variance", square, normalised, [-5, -3.5, -2, -0.5, 1, 2.5, 4, 5.5, 7]],
  ["MaxPool takes the largest", square, (x) => g.maxPool(x, { kernel_shape: [2, 2] }), [5, 6, 8, 9]],
  ["GlobalAveragePool takes the mean", square, (x) => g.globalAveragePool(x), [5]],
  ["Gemm transposes and adds", matrix, (x) => g.gemm(x, ones(2, 3), vector(0, 1), { transB: 1 }), [6, 7, 15, 16]],
  ["MatMul multiplies rows with columns", matrix, (x) => g.matMul(x, g.float32([1, 0, 2], [3, 1])), [7, 16]],
  ["Add broadcasts a row", matrix, (x) => g.add(x, vector(10, 20, 30)), [11, 22, 33, 14, 25, 36]],
  ["Sub broadcasts a column", matrix, (x) => g.sub(x, g.float32([1, 2], [2, 1])), [0, 1, 2, 2, 3, 4]],
  ["Mul scales", matrix, (x) => g.mul(x, g.float32(2)), [2, 4, 6, 8, 10, 12]],
  ["Div divides", matrix, (x) => g.div(x, g.float32(4)), [0.25, 0.5, 0.75, 1, 1.25, 1.5]],
  ["Div cuts integers towards zero", halves, (x) => g.div(g.cast(g.mul(x, g.float32(2)), "int64"), g.int64(2)), [-2, -1, 0, 0, 1, 2]],
  ["Relu", halves, (x) => g.relu(x), [0, 0, 0, 0.5, 1.5, 2.5]],
  ["Floor", halves, (x) => g.floor(x), [-3, -2, -1, 0, 1, 2]],
  ["Round takes halves to even", halves, (x) => g.round(x), [-2, -2, -0, 0, 2, 2]],
  ["Clip", halves, (x) => g.clip(x, g.float32(-1), g.float32(2)), [-1, -1, -0.5, 0.5, 1.5, 2]],
  ["Reshape keeps the order", matrix, (x) => g.reshape(x, [3, -1]), [1, 2, 3, 4, 5, 6]],
  ["Flatten keeps the order", square, (x) => g.flatten(x), [1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ["Transpose", matrix, (x) => g.transpose(x, [1, 0]), [1, 4, 2, 5, 3, 6]],
  ["Concat", matrix, (x) => g.concat([x, g.float32([7, 8], [2, 1])], 1), [1, 2, 3, 7, 4, 5, 6, 8]],
  ["Gather", matrix, (x) => g.gather(x, g.int64s([2, 0]), 1), [3, 1, 6, 4]],
  ["Shape", square, (x) => g.shapeOf(x, 2), [3, 3]],
  ["Range", matrix, (x) => g.mul(g.range(g.reshape(g.shapeOf(x, 1), [])), g.int64(2)), [0, 2, 4]],
  ["Slice", matrix, (x) => g.slice(x, g.int64s([-2]), g.int64s([3]), [1]), [2, 3, 5, 6]],
  ["ReduceMean", matrix, (x) => g.reduceMean(x, [1]), [2, 5]],
  ["ReduceSum", matrix, (x) => g.reduceSum(x, [0]), [5, 7, 9]],
  ["ReduceMin", matrix, (x) => g.reduceMin(x, [-1]), [1, 4]],
  ["Softmax of equal logits", matrix, (x) => g.softmax(g.mul(x, g.float32(0))), Array.from({ length: 6 }, () => Math.fround(1 / 3))],
  ["Cast cuts towards zero", halves, (x) => g.cast(x, "int64"), [-2, -1, 0, 0, 1, 2]],
  ["Neg", halves, (x) => g.neg(x), [2.5, 1.5, 0.5, -0.5, -1.5, -2.5]],
  ["Exp undoes Log", matrix, (x) => g.exp(g.log(x)), [1, 2, 3, 4, 5, 6]],
  ["Sqrt", square, (x) => g.sqrt(g.mul(x, x)), [1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ["ReduceMax", matrix, (x) => g.reduceMax(x, [1]), [3, 6]],
  ["Equal", matrix, (x) => g.cast(g.equal(x, vector(1, 5, 3)), "float32"), [1, 0, 1, 0, 1, 0]],
  ["Greater", halves, (x) => g.cast(g.greater(x, g.float32(0.5)), "float32"), [0, 0, 0, 0, 1, 1]],
  ["Pad", matrix, (x) => g.pad(x, [0, 1, 0, 0], g.float32(9)), [9, 1, 2, 3, 9, 4, 5, 6]],
  ["Expand", matrix, (x) => g.expand(g.reduceSum(x, [1]), [2, 2]), [6, 6, 15, 15]],
  ["ReluGrad lets pass where the output is positive", halves, (x) => g.reluGrad(g.relu(x), vector(1, 2, 3, 4, 5, 6)), [0, 0, 0, 4, 5, 6]],
  ["ConvInputGrad spreads each gradient over its window", square, (x) => g.convInputGrad(g.maxPool(x, { kernel_shape: [2, 2] }), ones(1, 1, 2, 2), { kernel_shape: [2, 2] }, [1, 1, 3, 3]), [5, 11, 6, 13, 28, 15, 8, 17, 9]],
  ["ConvWeightGrad sums what each tap saw", square, (x) => g.convWeightGrad(x, ones(1, 1, 2, 2), { kernel_shape: [2, 2] }, [1, 1, 2, 2]), [12, 16, 24, 28]],
  ["MaxPoolGrad gives to the first of equals", square, (x) => g.maxPoolGrad(g.mul(x, g.float32(0)), g.maxPool(g.mul(x, g.float32(0)), { kernel_shape: [3, 3] }), ones(1, 1, 1, 1), { kernel_shape: [3, 3] }), [1, 0, 0, 0, 0, 0, 0, 0, 0]],
  ["BatchNormTraining centres and scales", square, (x) => g.batchNormTraining(x, vector(2), vector(1), 9 - 20 / 3).y, [-4, -3, -2, -1, 0, 1, 2, 3, 4].map((d) => 1 + (2 * d) / 3)],
  ["BatchNormTrainingGrad of a constant gradient is zero", square, (x) => g.batchNormTrainingGrad(x, ones(1, 1, 3, 3), vector(2), g.batchNormTraining(x, vector(2), vector(1), 1e-5), 1e-5)[0]!, [0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ["SgdUpdate decays, gathers momentum and descends", matrix, (x) => g.sgdUpdate(x, g.mul(x, g.float32(2)), ones(2, 3), g.float32(0.5), { momentum: 0.5, weight_decay: 1, nesterov: 0 })[0], [1, 2, 3, 4, 5, 6].map((p) => p - 0.5 * (0.5 + 3 * p))],
  ["HardSigmoid is limited on both sides", halves, (x) => g.hardSigmoid(x, 0.4, 0.5), [0, 0, 0.3, 0.7, 1, 1]],
  ["MaxPoolWithIndices says where the largest stand", square, (x) => g.maxPoolIndices(x, { kernel_shape: [2, 2] }), [4, 5, 7, 8]],
  ["ScatterElements adds every update", halves, (x) => g.scatterAdd(x, g.int64s([0, 0, 5]), vector(1, 2, 3), 0), [0.5, -1.5, -0.5, 0.5, 1.5, 5.5]],
  ["QuantizeLinear takes halves to even and cuts at the ends", halves, (x) => g.quantizeLinear(x, g.float32(1), scalar(2)), [0, 0, 2, 2, 4, 4]],
  ["DequantizeLinear undoes QuantizeLinear", matrix, (x) => g.dequantizeLinear(g.quantizeLinear(x, g.float32(0.5), scalar(10)), g.float32(0.5), scalar(10)), [1, 2, 3, 4, 5, 6]],
  ["SoftmaxCrossEntropy of equal logits is log 3", matrix, (x) => g.softmaxCrossEntropy(g.mul(x, g.float32(0)), g.float32([1, 0, 0, 0, 0.5, 0.5], [2, 3])), [Math.log(3), Math.log(3)]],
];

describe("ops by hand", () => {
  it.each(cases)("%s", async (_name, x, build, expected) => {
    const result = await evaluate({ x }, ({ x: value }) => build(value));
    expect(Array.from(result.data, Number)).toEqual(expected.map((value) => expect.closeTo(value, 6)));
  });

  it("has a case for every op", () => {
    const covered = new Set(
      cases.flatMap(([, { dims }, build]) =>
        g
          .buildGraph({ result: build(g.input("x", "float32", dims)) })
          .nodes.map((node): string => node.op.type),
      ),
    );
    const portable = Object.values(g.ops).filter(({ domain }) => domain !== blockedDomain);
    expect(portable.map(({ type }) => type).filter((op) => !covered.has(op))).toEqual([]);
  });
});
