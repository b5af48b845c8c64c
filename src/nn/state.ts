import { elementCount, seededRandom, tensor, type StateDict, type TensorSource } from "../core/index.ts";
import { input } from "../graph/index.ts";
import { family, type ModelConfig } from "./families/index.ts";
import { collectParameters, evaluation, type ParameterSpec } from "./forward.ts";
import { isGraphConfig, type GraphConfig } from "./model-description.ts";

/** Parameters and buffers of a model, in state-dict order, without `num_batches_tracked`. */
export function parametersOf(config: ModelConfig): readonly ParameterSpec[] {
  const images = input("images", "float32", ["N", config.inChannels, 224, 224]);
  return collectParameters((parameters) => void family.build(config, images, evaluation(parameters)));
}

/** Shapes by state-dict name, as loading checks them. */
export function expectedShapes(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  return new Map(parametersOf(config).map(({ name, dims }) => [name, dims]));
}

/** Number of trained parameters: the figure that model cards give; of an ONNX model the numbers in its weights. */
export function countParameters(config: ModelConfig | GraphConfig): number {
  if (isGraphConfig(config)) return config.parameters;
  const trained = parametersOf(config).filter(({ kind }) => kind === "parameter");
  return trained.reduce((sum, { dims }) => sum + elementCount(dims), 0);
}

/**
 * Random weights to train from: He initialisation for convolutions, torch's uniform for the classifier, the
 * last batch normalisation of each block zero. Each tensor has a stream of its own, so the values do not
 * depend on the order of reading.
 */
export function randomStateDict(config: ModelConfig, seed: number): StateDict {
  return randomTensors(parametersOf(config), seed);
}

/** Random tensors of these parameters, by name; each has a stream of its own. */
export function randomTensors(specs: readonly ParameterSpec[], seed: number): StateDict {
  return new Map(specs.map((spec, index) => [spec.name, randomTensor(spec, seed * 8191 + index)]));
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

/**
 * Fits pretrained weights to a configuration with other input channels or classes, as timm does.
 *
 * One input channel sums the RGB filters; n channels repeat them in turn, scaled by 3 / n. A classifier for
 * another number of classes is dropped: `numClasses: 0` needs none, any other is to be trained anew.
 *
 * @param weights float32 state dict of the same blocks.
 */
export function adaptWeights(config: ModelConfig, weights: StateDict): StateDict {
  const adapted = new Map(weights);
  const name = family.stem(config);
  const stem = weights.get(name);
  if (stem?.dims.length === 4 && stem.dims[1] !== config.inChannels && stem.dims[1] === 3) {
    adapted.set(name, adaptStem(stem as TensorSource<"float32">, config.inChannels));
  }
  const { weight, bias } = family.classifier;
  if (weights.get(weight)?.dims[0] !== config.numClasses) {
    adapted.delete(weight);
    adapted.delete(bias);
  }
  return adapted;
}

function adaptStem(stem: TensorSource<"float32">, channels: number): TensorSource<"float32"> {
  const [out, rgb, height, width] = stem.dims as [number, number, number, number];
  const area = height * width;
  const dims = [out, channels, height, width];
  // Which RGB filters add up to each new one, and their weight.
  const sources = Array.from({ length: channels }, (_, c) => (channels === 1 ? [0, 1, 2] : [c % rgb]));
  const scale = channels === 1 ? 1 : rgb / channels;
  return {
    dtype: "float32",
    dims,
    async load() {
      const { data } = await stem.load();
      const adapted = new Float32Array(out * channels * area);
      for (let i = 0; i < adapted.length; i++) {
        const [filter, pixel] = [Math.floor(i / area), i % area];
        const [o, c] = [Math.floor(filter / channels), filter % channels];
        for (const from of sources[c]!) adapted[i]! += data[(o * rgb + from) * area + pixel]! * scale;
      }
      return tensor("float32", dims, adapted);
    },
  };
}
