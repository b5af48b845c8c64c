import { GraphError } from "../../core/index.ts";
import { formatShape, type Value } from "../value.ts";

/** The shape of a value whose lengths are all known: gradients need them. */
export function staticShape(value: Value): readonly number[] {
  if (value.shape.every((dim) => typeof dim === "number")) return value.shape;
  throw new GraphError(
    "graph/dynamic-shape",
    `Gradients need known lengths, got ${formatShape(value.shape)}; build the graph for one batch size.`,
  );
}
