import { tensor, type Tensor } from "../../core/index.ts";
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
import type { Session } from "../../runtime/index.ts";
import type { Evaluation } from "./minimise.ts";

/** Embeddings and their classes. */
export interface Examples {
  readonly rows: number;
  /** Numbers of one embedding. */
  readonly length: number;
  readonly numClasses: number;
  /** [rows, length] */
  readonly features: Float32Array<ArrayBuffer>;
  /** Class index of each row. */
  readonly labels: Int32Array<ArrayBuffer>;
}

/** The loss of a head over some of its examples. */
export interface HeadObjective {
  /**
   * Mean cross-entropy of the rows plus l2/2·|weight|², and the gradient.
   *
   * @param parameters Weight [features, classes], then bias [classes].
   */
  penalised(parameters: Float32Array<ArrayBuffer>, rows: Rows, l2: number): Promise<Evaluation>;
  /** Mean cross-entropy of the rows in nats, and the share of them that is right in percent. */
  measure(
    parameters: Float32Array<ArrayBuffer>,
    rows: Rows,
  ): Promise<{ readonly loss: number; readonly top1: number }>;
}

/** Indices of examples. */
export type Rows = Uint32Array;

/** Evaluates a head on a session of `headGraph`. */
export function headObjective(
  session: Session,
  { rows: total, length, numClasses }: Pick<Examples, "rows" | "length" | "numClasses">,
): HeadObjective {
  const weights = length * numClasses;
  const run = async (
    parameters: Float32Array<ArrayBuffer>,
    rows: Rows,
  ): Promise<Readonly<Record<string, Tensor>>> => {
    const shares = new Float32Array(total);
    for (const row of rows) shares[row] = 1 / rows.length;
    const feeds: Record<string, Tensor> = {
      weight: tensor("float32", [length, numClasses], parameters.slice(0, weights)),
      bias: tensor("float32", [numClasses], parameters.slice(weights)),
    };
    for (const { index, start, end } of rowBlocks(total)) {
      feeds[rowWeightsOf(index)] = tensor("float32", [end - start], shares.slice(start, end));
    }
    return session.run(feeds, { transfer: true });
  };
  return {
    async penalised(parameters, rows, l2) {
      const outputs = await run(parameters, rows);
      const gradient = new Float32Array(parameters.length);
      gradient.set(outputs["weight_grad"]!.data as Float32Array);
      gradient.set(outputs["bias_grad"]!.data as Float32Array, weights);
      let squares = 0;
      for (let i = 0; i < weights; i++) {
        squares += parameters[i]! * parameters[i]!;
        gradient[i]! += l2 * parameters[i]!;
      }
      return { value: scalar(outputs["loss"]!) + (l2 / 2) * squares, gradient };
    },
    async measure(parameters, rows) {
      const outputs = await run(parameters, rows);
      // The shares of the rows are rounded, their number is whole.
      const correct = Math.round(scalar(outputs["correct"]!) * rows.length);
      return { loss: scalar(outputs["loss"]!), top1: (100 * correct) / rows.length };
    },
  };
}

const scalar = (value: Tensor): number => Number(value.data[0]);

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
function rowBlocks(rows: number): readonly RowBlock[] {
  return Array.from({ length: Math.ceil(rows / rowsOfBlock) }, (_, index) => ({
    index,
    start: index * rowsOfBlock,
    end: Math.min(rows, (index + 1) * rowsOfBlock),
  }));
}

/** Name of the input with the weights of a stretch of rows. */
const rowWeightsOf = (block: number): string => `row_weights_${block}`;

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
