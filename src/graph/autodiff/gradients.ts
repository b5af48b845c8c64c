import { GraphError } from "../../core/index.ts";
import { atScope } from "../apply.ts";
import { buildGraph } from "../graph.ts";
import { add } from "../ops/elementwise.ts";
import { expand, reshape } from "../ops/layout.ts";
import { reduceSum } from "../ops/reduction.ts";
import type { OpType } from "../ops/table.ts";
import { float32, staticShape, type Float, type Node, type Value } from "../value.ts";
import { vjpTable } from "./vjp-table.ts";
import type { NonDifferentiable, Vjp } from "./vjp.ts";

/**
 * Reverse-mode gradients of a scalar.
 *
 * @param loss A float32 value of one element.
 * @returns One gradient per value, of its shape; `undefined` where the loss does not depend on it.
 * @throws GraphError for a loss of several elements, or an op without gradient on the way.
 */
export function gradients(loss: Float, values: readonly Float[]): readonly (Float | undefined)[] {
  if (staticShape(loss).some((length) => length !== 1)) {
    throw new GraphError("graph/loss-not-scalar", `A loss has one element, got [${loss.shape.join(", ")}].`);
  }
  return vectorJacobianProduct(loss, expand(float32(1), staticShape(loss)), values);
}

/**
 * Gradients of Σ vector · y, the vector being held constant even where it is computed from the values.
 *
 * Only what lies between y and the values asked for is differentiated: parameters that are left out cost
 * nothing, and layers below the last one asked for have no backward at all.
 *
 * @param vector Of y's shape.
 * @returns One gradient per value, of its shape; `undefined` where y does not depend on it.
 * @throws GraphError for an op without gradient on the way.
 */
export function vectorJacobianProduct(
  y: Float,
  vector: Float,
  values: readonly Float[],
): readonly (Float | undefined)[] {
  // A name that no input has: those of the graph's inputs are the caller's.
  const { nodes } = buildGraph({ "/differentiated": y });
  const wanted = dependents(nodes, values);
  const grads = new Map<Value, Float>([[y, vector]]);

  for (const node of nodes.toReversed()) {
    const outgoing = node.outputs.map((value) => grads.get(value));
    if (!outgoing.some(Boolean) || !node.inputs.some((value) => value && wanted.has(value))) continue;
    const incoming = atScope(node.scope, () => ruleOf(node)(node, outgoing));
    for (const [index, value] of node.inputs.entries()) {
      const grad = incoming[index];
      if (!value || !grad || !wanted.has(value)) continue;
      atScope(node.scope, () => {
        const own = unbroadcast(grad, value as Float);
        const sum = grads.get(value);
        grads.set(value, sum ? add(sum, own) : own);
      });
    }
  }
  return values.map((value) => grads.get(value));
}

/** Values that depend on one of the given, those included. */
function dependents(nodes: readonly Node[], values: readonly Value[]): ReadonlySet<Value> {
  const found = new Set(values);
  for (const node of nodes) {
    if (node.inputs.some((value) => value && found.has(value)))
      node.outputs.forEach((value) => found.add(value));
  }
  return found;
}

function ruleOf(node: Node): Vjp {
  // What the table holds for an op is for its nodes.
  const rule = vjpTable[node.op.type as OpType] as Vjp | NonDifferentiable;
  if (typeof rule === "function") return rule;
  throw new GraphError(
    "graph/not-differentiable",
    `${node.op.type} ${node.scope}`.trimEnd() + ` has no gradient: it ${rule.nonDifferentiable}.`,
  );
}

/** Sums a gradient over the axes along which its value was broadcast. */
function unbroadcast(grad: Float, value: Float): Float {
  const [from, to] = [staticShape(grad), staticShape(value)];
  if (from.join() === to.join()) return grad;
  const extra = from.length - to.length;
  const repeated = from
    .map((_, axis) => axis)
    .filter((axis) => axis < extra || to[axis - extra] !== from[axis]);
  const summed = repeated.length > 0 ? reduceSum(grad, repeated) : grad;
  return extra > 0 ? reshape(summed, to) : summed;
}
