import { ModelError } from "../core/index.ts";

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
