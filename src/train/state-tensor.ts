import { elementCount } from "../core/index.ts";
import { concat, int64s, reshape, slice, type Value } from "../graph/index.ts";
import type { ParameterSpec } from "../nn/index.ts";

/** One tensor that outlives a step: a parameter, a running statistic, or what is remembered of one. */
export interface StateTensor {
  /** Name of the graphs' input: torchvision's, or `slotOf` for what is remembered of it. */
  readonly name: string;
  /** A graph may take and give it in other dims: the same elements in the same order. */
  readonly dims: readonly number[];
}

/** Name of something that is remembered of a parameter: an optimiser's slot, or `ema`. */
export const slotOf = (name: string, slot: string): string => `${name}/${slot}`;

/** Name of the output that holds a tensor's new value; a graph without it leaves the tensor as it is. */
export const nextOf = (name: string): string => `${name}/next`;

type Float = Value<"float32">;

/** The form in which gradients leave one graph and enter another. */
interface CarriedGradients {
  readonly tensors: readonly StateTensor[];
  /** From one gradient per parameter to one value per tensor. */
  pack(gradients: readonly Float[]): readonly Float[];
  /** The way back. */
  unpack(values: readonly Float[]): readonly Float[];
}

/** Name of the tensor that holds all gradients, one after another. */
export const flatGradientsName = "gradients";

/** Each gradient in a tensor of its own. */
export function separateGradients(parameters: readonly ParameterSpec[]): CarriedGradients {
  return {
    tensors: parameters.map(({ name, dims }) => ({ name: slotOf(name, "gradient"), dims })),
    pack: (gradients) => gradients,
    unpack: (values) => values,
  };
}

/** All gradients in one tensor, so that machines exchange a single array. */
export function flatGradients(parameters: readonly ParameterSpec[]): CarriedGradients {
  const lengths = parameters.map(({ dims }) => elementCount(dims));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return {
    tensors: [{ name: flatGradientsName, dims: [total] }],
    pack: (gradients) => [
      concat(
        gradients.map((gradient) => reshape(gradient, [-1])),
        0,
      ),
    ],
    unpack([flat]) {
      let end = 0;
      return parameters.map(({ dims }, index) => {
        const start = end;
        end += lengths[index]!;
        return reshape(slice(flat!, int64s([start]), int64s([end]), [0]), dims);
      });
    },
  };
}
