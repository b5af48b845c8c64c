import { imagenetPreprocessing } from "../../src/image/index.ts";
import { randomStateDict, resnetConfig, type ResNetConfig } from "../../src/nn/index.ts";
import type { ModelSource } from "../../src/predict/open-model.ts";

export interface SmallNetworkOptions {
  readonly seed?: number;
  readonly inputSize?: number;
  readonly numClasses?: number;
  readonly classes?: readonly string[];
  readonly stem?: ResNetConfig["stem"];
  readonly inChannels?: number;
}

/** A small random network of two stages. */
export function smallNetwork(options: SmallNetworkOptions = {}): ModelSource {
  const {
    seed = 5,
    inputSize = 32,
    numClasses = 3,
    classes = [],
    stem = "imagenet",
    inChannels = 3,
  } = options;
  const config = resnetConfig({
    layers: [1, 1],
    width: 8,
    baseWidth: 64,
    cardinality: 2,
    stem,
    numClasses,
    inChannels,
  });
  return {
    description: {
      name: "small",
      config,
      classes,
      preprocessing: { ...imagenetPreprocessing, inputSize },
      provenance: { weights: "random" },
    },
    withWeights: (use) => use(randomStateDict(config, seed)),
  };
}
