import { ModelError, type StateDict } from "../../core/index.ts";
import {
  add,
  blockedInference,
  buildGraph,
  concat,
  float32,
  foldBatchNorm,
  gather,
  input,
  int64s,
  lowerBlocked,
  matMul,
  mergeGroups,
  mul,
  quantiseConvolutions,
  rangeGraph,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceSum,
  reshape,
  scope,
  sub,
  type ActivationRanges,
  type Graph,
  type QuantiseOptions,
  type RangeGraph,
  type Value,
} from "../../graph/index.ts";
import type { Preprocessing } from "../../image/index.ts";
import { family, type ModelConfig, type Output } from "../families/index.ts";
import { inference } from "../forward.ts";
import { preprocessingGraph, type RawImages } from "./preprocessing-graph.ts";

/**
 * Everything that can be asked of an inference graph. `frequencies` [N, 8, 8] need no weights; `mirrored_embedding` [N, C] is
 * the mean of the embeddings of an image and of its mirror, for twice the work, and comes alone.
 */
export type InferenceOutput = Output | "frequencies" | "mirrored_embedding";

/** What 8-bit arithmetic needs to know: the ranges of the activations, and how filters are written. */
export interface Quantisation extends QuantiseOptions {
  readonly ranges: ActivationRanges;
}

/**
 * Groups of convolutions are fastest with so many channels: ONNX Runtime's integer kernels 1.7 times as with narrower ones,
 * OpenVINO's in bf16 1.1 times on processors that multiply matrices so.
 */
const wideGroupChannels = 32;

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
  /** Puts the eval transform inside: images of any size come in one at a time, as `rawImages` says. */
  readonly preprocessing?: Preprocessing;
  /** @default "bytes" */
  readonly rawImages?: RawImages | undefined;
  /** Name of the input. @default "images"; with the eval transform inside "image" */
  readonly inputName?: string | undefined;
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
  config: ModelConfig,
  weights: StateDict,
  options: InferenceGraphOptions = {},
): Graph {
  const { inputSize = 224, blockSize, int8, preprocessing, inputName } = options;
  const images = preprocessing
    ? preprocessingGraph(preprocessing, config.inChannels, inputName ?? "image", options.rawImages)
    : input(inputName ?? "images", "float32", ["N", config.inChannels, inputSize, inputSize]);
  const { outputs = ["logits"] } = options;
  const available = outputs.includes("mirrored_embedding")
    ? { mirrored_embedding: mirroredEmbedding(config, images, weights) }
    : {
        ...family.build(config, images, inference(weights)),
        ...(config.inChannels === 3 || config.inChannels === 1
          ? { frequencies: lowFrequencies(images) }
          : {}),
      };
  const graph = buildGraph(selectOutputs(available, outputs));
  const folded = foldBatchNorm(graph);
  return int8
    ? quantiseConvolutions(mergeGroups(folded, wideGroupChannels), int8.ranges, int8)
    : forKernels(folded, blockSize);
}

/** Both go through one network as one batch: a second one would hold all weights again. */
function mirroredEmbedding(
  config: ModelConfig,
  images: Value<"float32">,
  weights: StateDict,
): Value<"float32"> {
  const width = images.shape.at(-1) as number;
  const fromTheRight = int64s(Array.from({ length: width }, (_, x) => width - 1 - x));
  const both = concat([images, gather(images, fromTheRight, 3)], 0);
  const { embedding } = family.build(config, both, inference(weights));
  const pairs = reshape(embedding!, [2, -1, family.embeddingLength(config)]);
  return reduceMean(pairs, [0], { keepdims: 0 });
}

/** Writes the convolutions for ONNX Runtime's blocked CPU kernels, where their block size is known. */
export function forKernels(graph: Graph, blockSize: number | undefined): Graph {
  return blockSize === undefined ? graph : lowerBlocked(graph, blockSize, blockedInference);
}

/** Merges narrow groups of convolutions where floats are multiplied in bf16; the result is the same. */
export const forPrecision = (graph: Graph, precision: string | undefined): Graph =>
  precision === "bf16" ? mergeGroups(graph, wideGroupChannels) : graph;

/**
 * The graph that measures what `Quantisation` needs, in float32.
 *
 * Input `images` float32 [N, inChannels, inputSize, inputSize]; outputs `min` and `max` float32 [N, activations].
 */
export function activationRangeGraph(config: ModelConfig, weights: StateDict, inputSize = 224): RangeGraph {
  return rangeGraph(inferenceGraph(config, weights, { inputSize, outputs: ["embedding"] }));
}

/**
 * The same, and of colour images how far red, green and blue lie apart: output `colour` float32 [N], the greatest distance of
 * two of them in one pixel, on the scale 0 to 1.
 */
export function calibrationGraph(
  config: ModelConfig,
  weights: StateDict,
  { inputSize, mean, std }: Preprocessing,
): RangeGraph {
  const { graph, readers } = activationRangeGraph(config, weights, inputSize);
  const images = graph.inputs.get("images") as Value<"float32">;
  if (config.inChannels !== 3) return { graph, readers };
  const perChannel = (values: readonly number[]): Value<"float32"> => float32(values, [3, 1, 1]);
  const pixels = add(mul(images, perChannel(std)), perChannel(mean));
  const apart = sub(reduceMax(pixels, [1]), reduceMin(pixels, [1]));
  const colour = reduceMax(apart, [1, 2, 3], { keepdims: 0 });
  return { graph: buildGraph({ ...Object.fromEntries(graph.outputs), colour }), readers };
}

/** The error for a network that is asked for a class, and has no classifier. */
export const noClassifier = (model: string): ModelError =>
  new ModelError(
    "model/no-classifier",
    `${model} has no classifier: it embeds images (embed), and learns classes from labelled ones (train --mode head).`,
  );

/** Picks the outputs asked for by name. */
export function selectOutputs(
  available: Readonly<Partial<Record<InferenceOutput, Value<"float32">>>>,
  names: readonly InferenceOutput[],
): Record<string, Value> {
  return Object.fromEntries(
    names.map((name) => {
      const value = available[name];
      if (value) return [name, value];
      if (name === "logits") throw noClassifier("This model");
      throw new ModelError(
        "model/unknown-output",
        `This model has no output "${name}"; it has ${Object.keys(available).join(", ")}.`,
      );
    }),
  );
}

/** Frequencies of each axis: 1 to 8 half waves; the mean is left out. */
const frequencyCount = 8;

/** ITU-R BT.601's weights of red, green and blue. */
const luma = [0.299, 0.587, 0.114];

/**
 * The lowest frequencies of the luminance of images, by which two pictures can be recognised as the same one: resizing,
 * recompression and changes of brightness leave them nearly as they are.
 *
 * A perceptual hash is made of their signs, after C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash
 * Functions" (2010), section 3.2.
 *
 * @param images [N, 3, size, size] or, in grey, [N, 1, size, size], normalised.
 * @returns [N, 8, 8]: coefficients of the cosine transform, rows first.
 */
function lowFrequencies(images: Value<"float32">): Value<"float32"> {
  const size = images.shape.at(-1) as number;
  return scope("low_frequencies", () => {
    const weighted = images.shape[1] === 1 ? images : mul(images, float32(luma, [3, 1, 1]));
    const grey = reduceSum(weighted, [1], { keepdims: 0 });
    // F = C · Y · Cᵀ
    const columns = matMul(
      grey,
      float32(
        cosines(size, (wave, x) => x * frequencyCount + wave),
        [size, frequencyCount],
      ),
    );
    return matMul(
      float32(
        cosines(size, (wave, y) => wave * size + y),
        [frequencyCount, size],
      ),
      columns,
    );
  });
}

function cosines(size: number, place: (wave: number, position: number) => number): number[] {
  const values = Array.from({ length: frequencyCount * size }, () => 0);
  for (let wave = 0; wave < frequencyCount; wave++) {
    for (let position = 0; position < size; position++) {
      const angle = ((wave + 1) * (position + 0.5) * Math.PI) / size;
      values[place(wave, position)] = (2 / size) * Math.cos(angle);
    }
  }
  return values;
}
