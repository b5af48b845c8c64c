import { elementCount, seededRandom, tensor, type StateDict, type TensorSource } from "../core/index.ts";
import { input } from "../graph/index.ts";
import { family, type ModelConfig } from "./families/index.ts";
import { collectParameters, evaluation, type ParameterSpec } from "./forward.ts";

/** Parameters and buffers of a model, in state-dict order, without `num_batches_tracked`. */
export function parametersOf(config: ModelConfig): readonly ParameterSpec[] {
  const images = input("images", "float32", ["N", config.inChannels, 224, 224]);
  return collectParameters((parameters) => void family.build(config, images, evaluation(parameters)));
}

/** Shapes by state-dict name, as loading checks them. */
export function expectedShapes(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  return new Map(parametersOf(config).map(({ name, dims }) => [name, dims]));
}

/** Number of trained parameters: the figure that model cards give. */
export function countParameters(config: ModelConfig): number {
  const trained = parametersOf(config).filter(({ kind }) => kind === "parameter");
  return trained.reduce((sum, { dims }) => sum + elementCount(dims), 0);
}

/**
 * Random weights to train from: He initialisation for convolutions, torch's uniform for the classifier, the
 * last batch normalisation of each block zero. Each tensor has a stream of its own, so the values do not
 * depend on the order of reading.
 */
export function randomStateDict(config: ModelConfig, seed: number): StateDict {
  return new Map(
    parametersOf(config).map((spec, index) => [spec.name, randomTensor(spec, seed * 8191 + index)]),
  );
}

function randomTensor({ dims, init }: ParameterSpec, seed: number): TensorSource<"float32"> {
  return {
    dtype: "float32",
    dims,
    load() {
      const random = seededRandom(seed);
      const data = new Float32Array(elementCount(dims));
      const draw = {
        constant: () => (init.kind === "constant" ? init.value : 0),
        normal: () => (init.kind === "normal" ? init.std * random.normal() : 0),
        uniform: () => (init.kind === "uniform" ? init.bound * (2 * random.uniform() - 1) : 0),
      }[init.kind];
      return Promise.resolve(tensor("float32", dims, data.map(draw)));
    },
  };
}
