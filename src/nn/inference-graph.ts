import { ModelError, type StateDict } from "../core/index.ts";
import { buildGraph, foldBatchNorm, input, mergeGroups, type Graph, type Value } from "../graph/index.ts";
import type { Preprocessing } from "../image/index.ts";
import type { ResNetConfig } from "./config.ts";
import { inference } from "./forward.ts";
import { preprocessingGraph } from "./preprocessing-graph.ts";
import { resnet, type Output } from "./resnet.ts";

/** Where a graph will run: `cpu` shapes grouped convolutions for ONNX Runtime's blocked kernels. */
export type Target = "cpu" | "portable";

/** Channels of one SIMD block of ONNX Runtime's blocked convolution with AVX-512; also best with AVX2's 8. */
const cpuBlock = 16;

export interface InferenceGraphOptions {
  /** @default ["logits"] */
  readonly outputs?: readonly Output[];
  /** Height and width of the input images. @default 224 */
  readonly inputSize?: number;
  /** @default "portable" */
  readonly target?: Target;
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
  const { inputSize = 224, target = "portable", preprocessing } = options;
  const images = preprocessing
    ? preprocessingGraph(preprocessing)
    : input("images", "float32", ["N", config.inChannels, inputSize, inputSize]);
  const available = resnet(config, images, inference(weights));
  const graph = buildGraph(selectOutputs(available, options.outputs ?? ["logits"]));
  return lower(graph, target);
}

/** Rewrites a model's graph for where it will run. */
function lower(graph: Graph, target: Target): Graph {
  const folded = foldBatchNorm(graph);
  return target === "cpu" ? mergeGroups(folded, cpuBlock) : folded;
}

/** Picks the outputs asked for by name. */
function selectOutputs(
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
