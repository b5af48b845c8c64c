import { add, clip, div, float32, mul, reduceSum, sqrt, type Value } from "../graph/index.ts";

type Float = Value<"float32">;

/** Scales all gradients together so that their norm is at most `maxNorm`, as torch's `clip_grad_norm_`. */
export function clipGradients(gradients: readonly Float[], maxNorm: number): readonly Float[] {
  const squares = gradients.map((gradient) =>
    reduceSum(
      mul(gradient, gradient),
      gradient.shape.map((_, axis) => axis),
      { keepdims: 0 },
    ),
  );
  const norm = sqrt(squares.reduce(add));
  // torch's 1e-6 keeps a zero norm from dividing.
  const factor = clip(div(float32(maxNorm), add(norm, float32(1e-6))), float32(0), float32(1));
  return gradients.map((gradient) => mul(gradient, factor));
}
