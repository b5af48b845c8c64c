import type { DType } from "../../core/index.ts";
import { apply1 } from "../apply.ts";
import { defineCompositeOp, type Op } from "../op-spec.ts";
import type { Value } from "../value.ts";

/** (logits, targets), both [N, classes], to the losses [N]: -sum(targets · log softmax(logits)). */
export const SoftmaxCrossEntropy: Op<"SoftmaxCrossEntropy"> = defineCompositeOp({
  type: "SoftmaxCrossEntropy",
  arity: [2, 2],
  attributes: {},
  infer(at) {
    const [logits, targets] = [at.input(0), at.input(1)];
    if (logits.shape.length !== 2 || logits.shape.join() !== targets.shape.join()) {
      at.fail("logits and targets must both be [N, classes]");
    }
    return [{ dtype: logits.dtype, shape: [logits.shape[0]!] }];
  },
});

/**
 * Cross-entropy of each image with soft targets: one-hot, smoothed or mixed.
 *
 * @returns Losses [N]
 */
export function softmaxCrossEntropy<D extends DType>(logits: Value<D>, targets: Value<D>): Value<D> {
  return apply1(SoftmaxCrossEntropy, [logits, targets]) as Value<D>;
}
