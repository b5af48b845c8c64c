import { tensor } from "../../core/index.ts";
import {
  add,
  buildGraph,
  cast,
  constant,
  equal,
  gemm,
  gradients,
  input,
  lower,
  mul,
  reduceMax,
  reduceSum,
  reshape,
  softmaxCrossEntropy,
  standard,
  type Graph,
  type Value,
} from "../../graph/index.ts";
import type { Examples } from "./examples.ts";

type Float = Value<"float32">;

/** Rows that are looked at together: their logits stay small for a thousand classes. */
const rowsOfBlock = 4096;

/** A stretch of rows. */
interface RowBlock {
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

/** The stretches into which the graph divides its rows. */
export function rowBlocks(rows: number): readonly RowBlock[] {
  return Array.from({ length: Math.ceil(rows / rowsOfBlock) }, (_, index) => ({
    index,
    start: index * rowsOfBlock,
    end: Math.min(rows, (index + 1) * rowsOfBlock),
  }));
}

/** Name of the input with the weights of a stretch of rows. */
export const rowWeightsOf = (block: number): string => `row_weights_${block}`;

/**
 * The loss of a linear classifier over examples that stand in the graph as constants.
 *
 * Inputs `weight` [features, classes], `bias` [classes] and `row_weights_0`, … [rows of the block]. Outputs `loss` [], the weighted
 * sum of the rows' cross-entropies; its gradients `weight_grad` and `bias_grad`; and `correct` [], the weighted sum
 * of the rows whose largest logit is their class.
 */
export function headGraph(examples: Examples): Graph {
  const { rows, length, numClasses } = examples;
  const weight = input("weight", "float32", [length, numClasses]);
  const bias = input("bias", "float32", [numClasses]);
  const blocks = rowBlocks(rows).map((block) => blockLoss(examples, weight, bias, block));
  const loss = blocks.map((block) => block.loss).reduce(add);
  const correct = blocks.map((block) => block.correct).reduce(add);
  const [weightGrad, biasGrad] = gradients(loss, [weight, bias]);
  return lower(buildGraph({ loss, correct, weight_grad: weightGrad!, bias_grad: biasGrad! }), standard);
}

function blockLoss(
  { features, labels, length, numClasses }: Examples,
  weight: Float,
  bias: Float,
  { index, start, end }: RowBlock,
): { readonly loss: Float; readonly correct: Float } {
  const rows = end - start;
  const block = features.subarray(start * length, end * length);
  const classes = Float32Array.from({ length: numClasses }, (_, label) => label);
  const targets = cast(
    equal(
      constant(tensor("float32", [rows, 1], Float32Array.from(labels.subarray(start, end)))),
      constant(tensor("float32", [1, numClasses], classes)),
    ),
    "float32",
  );
  const rowWeights = reshape(input(rowWeightsOf(index), "float32", [rows]), [-1, 1]);
  const logits = gemm(constant(tensor("float32", [rows, length], block)), weight, bias);
  const losses = reshape(softmaxCrossEntropy(logits, targets), [-1, 1]);
  const own = reduceSum(mul(logits, targets), [1]);
  const hits = cast(equal(own, reduceMax(logits, [1])), "float32");
  return {
    loss: reduceSum(mul(losses, rowWeights), [0, 1], { keepdims: 0 }),
    correct: reduceSum(mul(hits, rowWeights), [0, 1], { keepdims: 0 }),
  };
}
