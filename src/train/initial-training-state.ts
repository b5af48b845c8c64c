import { elementCount, tensor, type StateDict, type TensorSource } from "../core/index.ts";
import { expectedShapes, randomStateDict } from "../nn/index.ts";
import { fitStateDict } from "../weights/index.ts";
import { slotOf, type StateTensor } from "./state-tensor.ts";
import type { TrainingProgram } from "./training-program.ts";

export interface InitialTrainingStateOptions {
  /** Float weights that fit the program's network. @default random ones */
  readonly weights?: StateDict | undefined;
  /** Seed of random weights. @default 0 */
  readonly seed?: number | undefined;
}

/**
 * The state before the first step: averages are what they average, all else that is remembered is zero.
 *
 * @throws WeightsError `weights/mismatch`
 */
export function initialTrainingState(
  { config, state }: Pick<TrainingProgram, "config" | "state">,
  { weights, seed = 0 }: InitialTrainingStateOptions = {},
): StateDict {
  const model = weights ? fitStateDict(expectedShapes(config), weights) : randomStateDict(config, seed);
  const averaged = new Map([...model].map(([name, source]) => [slotOf(name, "ema"), source]));
  return new Map(
    state.map((entry): [string, TensorSource] => {
      const { name } = entry;
      return [name, model.get(name) ?? averaged.get(name) ?? zeros(entry)];
    }),
  );
}

function zeros({ dims }: StateTensor): TensorSource<"float32"> {
  return {
    dtype: "float32",
    dims,
    load: () => Promise.resolve(tensor("float32", dims, new Float32Array(elementCount(dims)))),
  };
}
