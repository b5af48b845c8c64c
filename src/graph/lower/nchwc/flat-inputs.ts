import { elementCount } from "../../../core/index.ts";
import type { Graph } from "../../graph.ts";
import { SgdUpdate } from "../../ops/sgd-update.ts";
import { input, type Value } from "../../value.ts";

/** Fewer elements are not worth kernels of their own. */
const fewest = 4096;

/** Pixels of a row; the kernels work row by row. */
const longestRow = 1024;

/**
 * Parameters and momenta that are updated as one image of a single block of channels, in the dims in which
 * the graph then takes and gives them: a Reshape to a graph's output would copy everything.
 */
export function flatInputs(graph: Graph, block: number): ReadonlyMap<Value, Value<"float32">> {
  const found = new Map<Value, Value<"float32">>();
  for (const { op, inputs, attributes } of graph.nodes) {
    if (op !== SgdUpdate || attributes["nesterov"] === 1) continue;
    const state = [inputs[0]!, inputs[2]!];
    const count = elementCount(state[0]!.shape as number[]);
    if (count % block !== 0 || count < fewest) continue;
    for (const value of state) {
      if (value.source.kind !== "input") continue;
      found.set(value, input(value.source.name, "float32", flatShape(count, block)));
    }
  }
  return found;
}

/** One block of channels, with rows as long as they may be. */
function flatShape(count: number, block: number): readonly number[] {
  const pixels = count / block;
  let width = longestRow;
  while (pixels % width !== 0) width--;
  return [1, block, pixels / width, width];
}
