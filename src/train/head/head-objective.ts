import { tensor, type Tensor } from "../../core/index.ts";
import {
  add,
  buildGraph,
  cast,
  constant,
  equal,
  expand,
  float32,
  gemm,
  gradients,
  input,
  lower,
  mul,
  reduceSum,
  reshape,
  softmaxCrossEntropy,
  standard,
  type Graph,
  type Value,
} from "../../graph/index.ts";
import type { Session } from "../../runtime/index.ts";
import type { Evaluation } from "./minimise.ts";
import type { Embeddings } from "./feature-transform.ts";

/** Features and their classes. */
export interface Examples extends Embeddings {
  readonly numClasses: number;
  /** Class index of each row. */
  readonly labels: Int32Array<ArrayBuffer>;
}

export interface HeadGraphOptions {
  /** Heads that are evaluated at once, each for row weights of its own. @default 1 */
  readonly heads?: number | undefined;
  /** Share of every target that is spread over all classes. @default 0 */
  readonly smoothing?: number | undefined;
}

/**
 * The loss of some heads over examples. Parameters are the weights [features, heads · classes], then the biases
 * [heads · classes].
 */
export interface HeadObjective {
  readonly heads: number;
  /**
   * The sum over the heads of the rows' weighted cross-entropies and l2/2·|weight|², and the gradient.
   *
   * @param rowWeights [rows, heads]
   */
  penalised(
    parameters: Float32Array<ArrayBuffer>,
    rowWeights: Float32Array<ArrayBuffer>,
    l2: number,
  ): Promise<Evaluation>;
  /** The logits of all rows, some rows at a time: [rows, heads · classes]. */
  logits(parameters: Float32Array<ArrayBuffer>): AsyncGenerator<LogitRows, void, undefined>;
}

/** Logits of the rows from `start` on. */
export interface LogitRows {
  readonly start: number;
  readonly logits: Float32Array<ArrayBuffer>;
}

/** Evaluates heads on a session of `headGraph`. */
export function headObjective(
  session: Session,
  { rows: total, length, numClasses }: Pick<Examples, "rows" | "length" | "numClasses">,
  heads: number,
): HeadObjective {
  const outputs = heads * numClasses;
  const weights = length * outputs;
  const blocks = rowBlocks(total);
  const run = (
    parameters: Float32Array<ArrayBuffer>,
    rowWeights: Float32Array<ArrayBuffer>,
    names: readonly string[],
  ): Promise<Readonly<Record<string, Tensor>>> => {
    const feeds: Record<string, Tensor> = {
      weight: tensor("float32", [length, outputs], parameters.slice(0, weights)),
      bias: tensor("float32", [outputs], parameters.slice(weights)),
    };
    for (const { index, start, end } of blocks) {
      const own = rowWeights.slice(start * heads, end * heads);
      feeds[rowWeightsOf(index)] = tensor("float32", [end - start, heads], own);
    }
    return session.run(feeds, { outputs: names, transfer: true });
  };
  return {
    heads,
    async penalised(parameters, rowWeights, l2) {
      const found = await run(parameters, rowWeights, ["loss", "weight_grad", "bias_grad"]);
      const gradient = new Float32Array(parameters.length);
      gradient.set(found["weight_grad"]!.data as Float32Array);
      gradient.set(found["bias_grad"]!.data as Float32Array, weights);
      let squares = 0;
      for (let i = 0; i < weights; i++) {
        squares += parameters[i]! * parameters[i]!;
        gradient[i]! += l2 * parameters[i]!;
      }
      return { value: Number(found["loss"]!.data[0]) + (l2 / 2) * squares, gradient };
    },
    async *logits(parameters) {
      const nothing = new Float32Array(total * heads);
      const atOnce = Math.max(1, Math.floor(mostLogits / (rowsOfBlock * outputs)));
      for (let first = 0; first < blocks.length; first += atOnce) {
        const asked = blocks.slice(first, first + atOnce);
        const found = await run(
          parameters,
          nothing,
          asked.map(({ index }) => logitsOf(index)),
        );
        for (const { index, start } of asked) {
          yield { start, logits: found[logitsOf(index)]!.data as Float32Array<ArrayBuffer> };
        }
      }
    },
  };
}

type Float = Value<"float32">;

/** Rows that are looked at together: their logits stay small for a thousand classes. */
const rowsOfBlock = 4096;
/** Logits that leave a session at once: 128 MB. */
const mostLogits = 2 ** 25;

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

/** Name of the output with the logits of a stretch of rows. */
const logitsOf = (block: number): string => `logits_${block}`;

/**
 * The loss of some linear classifiers over examples that stand in the graph as constants.
 *
 * Inputs `weight` [features, heads · classes], `bias` [heads · classes] and `row_weights_0`, … [rows of the block, heads]. Outputs
 * `loss` [], the weighted sum of the rows' cross-entropies; its gradients `weight_grad` and `bias_grad`; and `logits_0`, …
 * [rows of the block, heads · classes].
 */
export function headGraph(examples: Examples, options: HeadGraphOptions = {}): Graph {
  const { rows, length, numClasses } = examples;
  const { heads = 1, smoothing = 0 } = options;
  const weight = input("weight", "float32", [length, heads * numClasses]);
  const bias = input("bias", "float32", [heads * numClasses]);
  const blocks = rowBlocks(rows).map((block) =>
    blockLoss(examples, { weight, bias, heads, smoothing }, block),
  );
  const loss = blocks.map((block) => block.loss).reduce(add);
  const [weightGrad, biasGrad] = gradients(loss, [weight, bias]);
  const logits = blocks.map((block, index) => [logitsOf(index), block.logits] as const);
  return lower(
    buildGraph({ loss, weight_grad: weightGrad!, bias_grad: biasGrad!, ...Object.fromEntries(logits) }),
    standard,
  );
}

interface Heads {
  readonly weight: Float;
  readonly bias: Float;
  readonly heads: number;
  readonly smoothing: number;
}

function blockLoss(
  { features, labels, length, numClasses }: Examples,
  { weight, bias, heads, smoothing }: Heads,
  { index, start, end }: RowBlock,
): { readonly loss: Float; readonly logits: Float } {
  const rows = end - start;
  const block = features.subarray(start * length, end * length);
  const classes = Float32Array.from({ length: numClasses }, (_, label) => label);
  const hard = cast(
    equal(
      constant(tensor("float32", [rows, 1], Float32Array.from(labels.subarray(start, end)))),
      constant(tensor("float32", [1, numClasses], classes)),
    ),
    "float32",
  );
  const soft = add(mul(hard, float32(1 - smoothing)), float32(smoothing / numClasses));
  const targets = expand(reshape(smoothing === 0 ? hard : soft, [rows, 1, numClasses]), [
    rows,
    heads,
    numClasses,
  ]);
  const logits = gemm(constant(tensor("float32", [rows, length], block)), weight, bias);
  const losses = softmaxCrossEntropy(
    reshape(logits, [rows * heads, numClasses]),
    reshape(targets, [rows * heads, numClasses]),
  );
  const rowWeights = input(rowWeightsOf(index), "float32", [rows, heads]);
  const weighted = mul(reshape(losses, [rows, heads]), rowWeights);
  return { loss: reduceSum(weighted, [0, 1], { keepdims: 0 }), logits };
}
