import { ModelError, type StateDict } from "../core/index.ts";
import {
  blockConvolutions,
  buildGraph,
  foldBatchNorm,
  input,
  mergeGroups,
  type Graph,
  type Value,
} from "../graph/index.ts";
import type { Preprocessing } from "../image/index.ts";
import type { ResNetConfig } from "./config.ts";
import { inference } from "./forward.ts";
import { preprocessingGraph } from "./preprocessing-graph.ts";
import { resnet, type Output } from "./resnet.ts";

export interface InferenceGraphOptions {
  /** @default ["logits"] */
  readonly outputs?: readonly Output[];
  /** Height and width of the input images. @default 224 */
  readonly inputSize?: number;
  /**
   * Writes the graph for ONNX Runtime's blocked CPU kernels, whose block has so many channels; a wrong number
   * gives wrong results.
   *
   * @default undefined: a graph that runs anywhere
   */
  readonly blockSize?: number | undefined;
  /** Puts the eval transform inside: the input is then `image` uint8 [height, width, 3], one at a time. */
  readonly preprocessing?: Preprocessing;
}

/**
 * The graph that classifies: constant weights, batch normalisation folded.
 *
 * Input `images` float32 [N, inChannels, inputSize, inputSize]; one output per name asked for.
 *
 * @param weights float32 state dict that fits the configuration.
 * @throws ModelError when an output does not exist for this configuration.
 */
export function inferenceGraph(
  config: ResNetConfig,
  weights: StateDict,
  options: InferenceGraphOptions = {},
): Graph {
  const { inputSize = 224, blockSize, preprocessing } = options;
  const images = preprocessing
    ? preprocessingGraph(preprocessing)
    : input("images", "float32", ["N", config.inChannels, inputSize, inputSize]);
  const available = resnet(config, images, inference(weights));
  const graph = buildGraph(selectOutputs(available, options.outputs ?? ["logits"]));
  return forKernels(foldBatchNorm(graph), blockSize);
}

/** Writes the convolutions for ONNX Runtime's blocked CPU kernels, where their block size is known. */
export function forKernels(graph: Graph, blockSize: number | undefined): Graph {
  // Groups narrower than a block have no blocked kernel.
  return blockSize === undefined ? graph : blockConvolutions(mergeGroups(graph, blockSize), blockSize);
}

/** Picks the outputs asked for by name. */
export function selectOutputs(
  available: Readonly<Partial<Record<Output, Value<"float32">>>>,
  names: readonly Output[],
): Record<string, Value> {
  return Object.fromEntries(
    names.map((name) => {
      const value = available[name];
      if (value) return [name, value];
      throw new ModelError(
        "model/unknown-output",
        `This model has no output "${name}"; it has ${Object.keys(available).join(", ")}.`,
      );
    }),
  );
}
