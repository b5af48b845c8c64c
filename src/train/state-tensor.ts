import { elementCount } from "../core/index.ts";
import { add, concat, int64s, reshape, slice, type Value } from "../graph/index.ts";
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
  /** From one gradient per parameter to one value per tensor; what was carried before is added, if there is any. */
  pack(gradients: readonly Float[], before: readonly Float[] | undefined): readonly Float[];
  /** The way back. */
  unpack(values: readonly Float[]): CarriedValues;
}

interface CarriedValues {
  readonly gradients: readonly Float[];
  /** In the order of the statistics that are carried. */
  readonly statistics: readonly Float[];
}

/** Name of the tensor that holds all gradients, one after another. */
export const flatGradientsName = "gradients";

/** Each gradient in a tensor of its own. */
export function separateGradients(parameters: readonly ParameterSpec[]): CarriedGradients {
  return {
    tensors: parameters.map(({ name, dims }) => ({ name: slotOf(name, "gradient"), dims })),
    pack: (gradients, before) =>
      before ? gradients.map((gradient, index) => add(before[index]!, gradient)) : gradients,
    unpack: (gradients) => ({ gradients, statistics: [] }),
  };
}

/**
 * All gradients in one tensor, so that machines exchange a single array.
 *
 * @param statistics Running statistics that machines exchange as well, and their values, of which the newest are carried.
 */
export function flatGradients(
  parameters: readonly ParameterSpec[],
  statistics: readonly (Pick<ParameterSpec, "dims"> & { readonly value: Float })[] = [],
): CarriedGradients {
  const lengths = [...parameters, ...statistics].map(({ dims }) => elementCount(dims));
  let total = 0;
  const ends = lengths.map((length) => (total += length));
  const part = (flat: Float, start: number, end: number): Float =>
    slice(flat, int64s([start]), int64s([end]), [0]);
  const flatten = (values: readonly Float[]): readonly Float[] => values.map((value) => reshape(value, [-1]));
  const gradientsEnd = ends[parameters.length - 1]!;
  return {
    tensors: [{ name: flatGradientsName, dims: [total] }],
    pack(gradients, before) {
      const values = flatten(statistics.map(({ value }) => value));
      if (!before) return [concat([...flatten(gradients), ...values], 0)];
      const [flat] = before;
      const sums = add(
        values.length === 0 ? flat! : part(flat!, 0, gradientsEnd),
        concat(flatten(gradients), 0),
      );
      return [values.length === 0 ? sums : concat([sums, ...values], 0)];
    },
    unpack([flat]) {
      const values = [...parameters, ...statistics].map(({ dims }, index) =>
        reshape(part(flat!, ends[index]! - lengths[index]!, ends[index]!), dims),
      );
      return {
        gradients: values.slice(0, parameters.length),
        statistics: values.slice(parameters.length),
      };
    },
  };
}
