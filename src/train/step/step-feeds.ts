import { elementCount } from "../../core/index.ts";
import type { OnnxRuntime } from "../../runtime/index.ts";
import { drawMasks, type RandomMask } from "../random-masks.ts";
import type { Dims } from "./encoded-program.ts";
import type { Tensors } from "./program-session.ts";
import type { StepBatch, StepRates } from "./training-step.ts";

/** What the graphs of a program read besides the state. */
export interface StepFeeds {
  /** The rates that a graph with these inputs reads. */
  rates(inputs: Dims, rates: StepRates): Tensors;
  /** One micro-batch, counted from 0: views of the batch, and its masks. */
  microBatch(inputs: Dims, batch: StepBatch, step: number, index: number): Tensors;
}

export function stepFeeds({ Tensor }: OnnxRuntime, masks: readonly RandomMask[], seed: number): StepFeeds {
  const scalar = (value: number) => new Tensor("float32", Float32Array.of(value), []);
  const part = (data: Float32Array<ArrayBuffer>, dims: readonly number[], index: number) => {
    const length = elementCount(dims);
    return new Tensor("float32", data.subarray(index * length, (index + 1) * length), dims);
  };
  return {
    rates: (inputs, { learningRate, step }) => ({
      ...("learning_rate" in inputs && { learning_rate: scalar(learningRate) }),
      ...("step" in inputs && { step: scalar(step) }),
    }),
    microBatch(inputs, { images, targets }, step, index) {
      const drawn = drawMasks(masks, { seed, step, microBatch: index });
      const maskTensors = masks.map(({ name, dims }) => [
        name,
        new Tensor("float32", drawn.get(name)!, dims),
      ]);
      return {
        images: part(images, inputs["images"]!, index),
        targets: part(targets, inputs["targets"]!, index),
        ...(Object.fromEntries(maskTensors) as Tensors),
      };
    },
  };
}
