import { tensor, type Tensor } from "../../core/index.ts";
import type { Session } from "../../runtime/index.ts";
import type { Examples } from "./examples.ts";
import { rowBlocks, rowWeightsOf } from "./head-graph.ts";
import type { Evaluation } from "./minimise.ts";

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
