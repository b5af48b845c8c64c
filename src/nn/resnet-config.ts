import { ModelError, tensor, type StateDict, type TensorSource } from "../core/index.ts";
import { imagenetPreprocessing, type Preprocessing } from "../image/index.ts";

/** Shape of a ResNet or ResNeXt. */
export interface ResNetConfig {
  /** `basic`: two 3x3 convolutions (ResNet-18, 34); `bottleneck`: 1x1, grouped 3x3, 1x1. */
  readonly block: "basic" | "bottleneck";
  /** Blocks of each stage, one to four stages. */
  readonly layers: readonly number[];
  /** Groups of the 3x3 convolution: ResNeXt's "C". */
  readonly cardinality: number;
  /** Channels of one group where the stage has 64 planes: ResNeXt's "d". */
  readonly baseWidth: number;
  /** `imagenet`: 7x7 with stride 2, then max-pool; `cifar`: 3x3 with stride 1 and no pool. */
  readonly stem: "imagenet" | "cifar";
  /** Planes of the first stage and channels of the stem; each later stage has twice the planes. */
  readonly width: number;
  /** Classes of the classifier; 0 leaves it out, and the model gives embeddings only. */
  readonly numClasses: number;
  /** Channels of the input images. */
  readonly inChannels: number;
  /** Input length over length of the last feature map; smaller ones are reached by dilation. */
  readonly outputStride: 8 | 16 | 32;
  /** Probability of dropping an embedding's element before the classifier, in training. */
  readonly dropRate: number;
  /** Probability of skipping the last block in training; it rises linearly from 0 over the blocks. */
  readonly dropPathRate: number;
}

/** ResNet-50's shape with ImageNet's classes. */
const defaults: ResNetConfig = {
  block: "bottleneck",
  layers: [3, 4, 6, 3],
  cardinality: 1,
  baseWidth: 64,
  stem: "imagenet",
  width: 64,
  numClasses: 1000,
  inChannels: 3,
  outputStride: 32,
  dropRate: 0,
  dropPathRate: 0,
};

/**
 * Completes and checks a configuration.
 *
 * @param given What differs from ResNet-50 with 1000 classes.
 * @throws ModelError that names the field.
 */
export function resnetConfig(given: Partial<ResNetConfig> = {}): ResNetConfig {
  const config = { ...defaults, ...given };
  const count = (name: keyof ResNetConfig, value: number, least: number): void => {
    if (!Number.isSafeInteger(value) || value < least) refuse(name, `an integer of at least ${least}`, value);
  };
  const rate = (name: keyof ResNetConfig, value: number): void => {
    if (!(value >= 0 && value < 1)) refuse(name, "at least 0 and below 1", value);
  };

  if (config.layers.length < 1 || config.layers.length > 4) {
    refuse("layers", "a list of one to four stages", config.layers);
  }
  for (const blocks of config.layers) count("layers", blocks, 1);
  count("cardinality", config.cardinality, 1);
  count("baseWidth", config.baseWidth, 1);
  count("width", config.width, 1);
  count("numClasses", config.numClasses, 0);
  count("inChannels", config.inChannels, 1);
  rate("dropRate", config.dropRate);
  rate("dropPathRate", config.dropPathRate);
  if (![8, 16, 32].includes(config.outputStride)) refuse("outputStride", "8, 16 or 32", config.outputStride);
  if (config.block === "bottleneck" && config.width * config.baseWidth < 64) {
    throw new ModelError(
      "model/invalid-config",
      `The groups of the first stage would have no channels: width (${config.width}) times baseWidth ` +
        `(${config.baseWidth}) must be at least 64.`,
    );
  }
  if (config.block === "basic" && (config.cardinality !== 1 || config.baseWidth !== 64)) {
    throw new ModelError(
      "model/invalid-config",
      `A basic block has neither groups nor a base width (got cardinality ${config.cardinality}, base width ` +
        `${config.baseWidth}); use block "bottleneck", or cardinality 1 and baseWidth 64.`,
    );
  }
  return config;
}

function refuse(field: string, expected: string, received: unknown): never {
  throw new ModelError(
    "model/invalid-config",
    `${field} must be ${expected}, got ${JSON.stringify(received)}.`,
  );
}

/**
 * Reads the configuration off the names and shapes of a state dict.
 *
 * Output stride and drop rates leave no trace in the weights and take their defaults.
 *
 * @throws ModelError when the tensors are not those of a ResNet in torchvision's names.
 */
export function detectConfig(weights: StateDict): ResNetConfig {
  const dims = (name: string): readonly number[] | undefined => weights.get(name)?.dims;
  const stem = dims("conv1.weight");
  const first = dims("layer1.0.conv2.weight");
  const layers = [1, 2, 3, 4].map((stage) => countBlocks(weights, stage)).filter((blocks) => blocks > 0);
  if (stem?.length !== 4 || first?.length !== 4 || layers.length === 0) {
    throw new ModelError(
      "model/unrecognised-weights",
      "These tensors are not those of a ResNet or ResNeXt: expected conv1.weight and layer1.0.conv2.weight " +
        `in torchvision's names, got ${[...weights.keys()].slice(0, 5).join(", ") || "no tensors"}.`,
    );
  }
  const [width, inChannels, kernel] = stem as [number, number, number];
  const [blockWidth, perGroup] = first as [number, number];
  // The last stage tells most: floor(planes · baseWidth / 64) is finest where the planes are most.
  const lastPerGroup = dims(`layer${layers.length}.0.conv2.weight`)?.[1] ?? perGroup;
  const lastPlanes = width * 2 ** (layers.length - 1);
  const isBottleneck = weights.has("layer1.0.conv3.weight");
  const cardinality = isBottleneck ? blockWidth / perGroup : 1;
  return resnetConfig({
    block: isBottleneck ? "bottleneck" : "basic",
    layers,
    cardinality,
    baseWidth: isBottleneck ? Math.ceil((lastPerGroup * 64) / lastPlanes) : 64,
    stem: kernel === 7 ? "imagenet" : "cifar",
    width,
    inChannels,
    numClasses: dims("fc.weight")?.[0] ?? 0,
  });
}

function countBlocks(weights: StateDict, stage: number): number {
  let blocks = 0;
  while (weights.has(`layer${stage}.${blocks}.conv1.weight`)) blocks++;
  return blocks;
}

/**
 * Fits pretrained weights to a configuration with other input channels or classes, as timm does.
 *
 * One input channel sums the RGB filters; n channels repeat them in turn, scaled by 3 / n. A classifier for
 * another number of classes is dropped: `numClasses: 0` needs none, any other is to be trained anew.
 *
 * @param weights float32 state dict of the same blocks.
 */
export function adaptWeights(config: ResNetConfig, weights: StateDict): StateDict {
  const adapted = new Map(weights);
  const stem = weights.get("conv1.weight");
  if (stem?.dims.length === 4 && stem.dims[1] !== config.inChannels && stem.dims[1] === 3) {
    adapted.set("conv1.weight", adaptStem(stem as TensorSource<"float32">, config.inChannels));
  }
  if (weights.get("fc.weight")?.dims[0] !== config.numClasses) {
    adapted.delete("fc.weight");
    adapted.delete("fc.bias");
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

/** What a model without a description of its own sees: ImageNet's eval transform, or whole images of 32x32. */
export function defaultPreprocessing({ stem }: ResNetConfig): Preprocessing {
  return stem === "imagenet"
    ? imagenetPreprocessing
    : { ...imagenetPreprocessing, inputSize: 32, cropPct: 1 };
}
