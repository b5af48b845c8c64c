import type { StateDict } from "../../core/index.ts";
import type { Graph } from "../../graph/index.ts";
import {
  activationRangeGraph,
  inferenceGraph,
  type ModelDescription,
  type Quantisation,
} from "../../nn/index.ts";

/** The graph that is timed. In int8 every activation has the same range: speed does not depend on it. */
export function benchmarkGraph(
  { config, preprocessing }: ModelDescription,
  weights: StateDict,
  precision: "fp32" | "int8",
  blockSize: number | undefined,
): Graph {
  const { inputSize } = preprocessing;
  if (precision === "fp32") return inferenceGraph(config, weights, { inputSize, blockSize });
  const { readers } = activationRangeGraph(config, weights, inputSize);
  const ranges: Quantisation["ranges"] = new Map(
    readers.flat().map((reader) => [reader, { min: 0, max: 4 }]),
  );
  return inferenceGraph(config, weights, { inputSize, int8: { ranges } });
}
