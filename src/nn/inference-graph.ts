import { ModelError, type StateDict } from "../core/index.ts";
import {
  blockConvolutions,
  buildGraph,
  foldBatchNorm,
  input,
  mergeGroups,
  quantiseConvolutions,
  rangeGraph,
  type ActivationRanges,
  type Graph,
  type QuantiseOptions,
  type RangeGraph,
  type Value,
} from "../graph/index.ts";
import type { Preprocessing } from "../image/index.ts";
import type { ResNetConfig } from "./config.ts";
import { inference } from "./forward.ts";
import { lowFrequencies } from "./low-frequencies.ts";
import { preprocessingGraph } from "./preprocessing-graph.ts";
import { resnet, type Output } from "./resnet.ts";

/** Everything that can be asked of an inference graph; `frequencies` [N, 8, 8] need no weights. */
export type InferenceOutput = Output | "frequencies";

/** What 8-bit arithmetic needs to know: the ranges of the activations, and how filters are written. */
export interface Quantisation extends QuantiseOptions {
  readonly ranges: ActivationRanges;
}

/** ONNX Runtime's integer convolution is fastest with groups of so many channels: 1.7 times as with narrower ones. */
const int8GroupChannels = 32;

export interface InferenceGraphOptions {
  /** @default ["logits"] */
  readonly outputs?: readonly InferenceOutput[];
  /** Height and width of the input images. @default 224 */
  readonly inputSize?: number;
  /**
   * Writes the graph for ONNX Runtime's blocked CPU kernels, whose block has so many channels; a wrong number
   * gives wrong results.
   *
   * @default undefined: a graph that runs anywhere
   */
  readonly blockSize?: number | undefined;
  /**
   * Computes convolutions and additions in 8-bit integers; the classifier stays float32. The graph runs anywhere:
   * `blockSize` does not matter then.
   *
   * @default undefined: float32
   */
  readonly int8?: Quantisation | undefined;
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
  const { inputSize = 224, blockSize, int8, preprocessing } = options;
  const images = preprocessing
    ? preprocessingGraph(preprocessing)
    : input("images", "float32", ["N", config.inChannels, inputSize, inputSize]);
  const available = {
    ...resnet(config, images, inference(weights)),
    ...(config.inChannels === 3 ? { frequencies: lowFrequencies(images) } : {}),
  };
  const graph = buildGraph(selectOutputs(available, options.outputs ?? ["logits"]));
  const folded = foldBatchNorm(graph);
  return int8
    ? quantiseConvolutions(mergeGroups(folded, int8GroupChannels), int8.ranges, int8)
    : forKernels(folded, blockSize);
}

/** Writes the convolutions for ONNX Runtime's blocked CPU kernels, where their block size is known. */
export function forKernels(graph: Graph, blockSize: number | undefined): Graph {
  // Groups narrower than a block have no blocked kernel.
  return blockSize === undefined ? graph : blockConvolutions(mergeGroups(graph, blockSize), blockSize);
}

/**
 * The graph that measures what `Quantisation` needs, in float32.
 *
 * Input `images` float32 [N, inChannels, inputSize, inputSize]; outputs `min` and `max` float32 [N, activations].
 */
export function activationRangeGraph(config: ResNetConfig, weights: StateDict, inputSize = 224): RangeGraph {
  return rangeGraph(inferenceGraph(config, weights, { inputSize, outputs: ["embedding"] }));
}

/** Picks the outputs asked for by name. */
export function selectOutputs(
  available: Readonly<Partial<Record<InferenceOutput, Value<"float32">>>>,
  names: readonly InferenceOutput[],
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
