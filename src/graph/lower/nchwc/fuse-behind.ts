import { blockedConv } from "../../ops/index.ts";
import { atScope } from "../../scope.ts";
import type { Node } from "../../value.ts";
import type { Float } from "../lowering.ts";

/** The same blocked convolution with a ReLU behind it. */
export function withRelu(convolution: Node): Float {
  return again(convolution, { activation: "Relu" });
}

/** The same blocked convolution with something added to its result, if nothing is yet. */
export function withSum(convolution: Node | undefined, addend: Float): Float | undefined {
  return convolution && !convolution.inputs[3] ? again(convolution, {}, addend) : undefined;
}

function again({ scope, inputs, attributes }: Node, added: Node["attributes"], addend?: Float): Float {
  const [x, weight, bias, sum] = inputs as readonly (Float | undefined)[];
  return atScope(scope, () => blockedConv(x!, weight!, bias, addend ?? sum, { ...attributes, ...added }));
}
