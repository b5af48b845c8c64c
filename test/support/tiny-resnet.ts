import { elementCount, tensor, type StateDict, type TensorSource } from "../../src/core/index.ts";
import { buildGraph, input, type Graph } from "../../src/graph/index.ts";
import { family, inference, parametersOf, type Output, type ResNetConfig } from "../../src/nn/index.ts";
import { randomTensors } from "./random-tensors.ts";

/** The graph of a model as it is defined, before any pass. */
export function resnetGraph(
  config: ResNetConfig,
  weights: StateDict,
  outputs: readonly Output[],
  inputSize: number,
): Graph {
  const images = input("images", "float32", ["N", config.inChannels, inputSize, inputSize]);
  const available = family.build(config, images, inference(weights));
  return buildGraph(Object.fromEntries(outputs.map((name) => [name, available[name]!])));
}

/** Weights in which every parameter matters, running statistics and last batch normalisations too. */
export function livelyStateDict(config: ResNetConfig, seed: number): StateDict {
  const { normal, uniform } = randomTensors(seed);
  return new Map(
    parametersOf(config).map(({ name, dims }): [string, TensorSource] => {
      if (name.endsWith("running_var")) return [name, uniform(0.5, 2, ...dims)];
      if (dims.length === 1) return [name, uniform(0.2, 1, ...dims)];
      const fanIn = elementCount(dims.slice(1));
      const { data } = normal(...dims);
      return [
        name,
        tensor(
          "float32",
          dims,
          data.map((value) => value / Math.sqrt(fanIn)),
        ),
      ];
    }),
  );
}
