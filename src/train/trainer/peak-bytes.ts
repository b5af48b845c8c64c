import { bytesPerElement, elementCount } from "../../core/index.ts";
import type { Graph, Value } from "../../graph/index.ts";

/**
 * Memory for what the nodes of a graph compute, in bytes, where they run in its order and every tensor is kept until the last node
 * that reads it: its inputs and constants are not counted, nor what a kernel needs while it runs, nor that some write into what
 * they read.
 *
 * @param graph One whose dimensions are all numbers.
 */
export function peakBytes({ nodes, outputs }: Graph): number {
  const lastReader = new Map<Value, number>();
  for (const [index, node] of nodes.entries()) {
    for (const value of node.inputs) if (value?.source.kind === "node") lastReader.set(value, index);
  }
  for (const value of outputs.values()) lastReader.set(value, nodes.length);
  const freed = new Float64Array(nodes.length + 1);
  let [standing, most] = [0, 0];
  for (const [index, node] of nodes.entries()) {
    for (const value of node.outputs) {
      const bytes = bytesOf(value);
      standing += bytes;
      freed[lastReader.get(value) ?? index]! += bytes;
    }
    most = Math.max(most, standing);
    standing -= freed[index]!;
  }
  return most;
}

const bytesOf = ({ dtype, shape }: Value): number =>
  elementCount(shape as readonly number[]) * bytesPerElement(dtype);
