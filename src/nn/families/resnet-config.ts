import * as z from "zod/mini";
import { ModelError, type StateDict } from "../../core/index.ts";
import { imagenetPreprocessing, type Preprocessing } from "../../image/index.ts";
import type { CommonConfig } from "../family.ts";
import { unsupported } from "../unsupported.ts";
import { neededByWeights } from "./timm-resnets.ts";

/** Shape of a ResNet or ResNeXt. */
export interface ResNetConfig extends CommonConfig {
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
}

/** Names of the parameters that other images and classes change, as torchvision and timm give them. */
export const stemName = "conv1.weight";
export const classifier = { weight: "fc.weight", bias: "fc.bias" } as const;

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
};

/** The entries of a configuration in a checkpoint. */
export const resnetSchema: z.ZodMiniType<ResNetConfig> = z.pipe(
  z.strictObject({
    block: z.enum(["basic", "bottleneck"]),
    layers: z.array(z.number()),
    cardinality: z.number(),
    baseWidth: z.number(),
    stem: z.enum(["imagenet", "cifar"]),
    width: z.number(),
    numClasses: z.number(),
    inChannels: z.number(),
    outputStride: z.union([z.literal(8), z.literal(16), z.literal(32)]),
    // Stood in configurations once, and meant nothing: what training drops is the recipe's.
    dropRate: z.optional(z.number()),
    dropPathRate: z.optional(z.number()),
  }),
  z.transform(({ dropRate: _dropRate, dropPathRate: _dropPathRate, ...config }) => config),
);

type Architecture = Pick<ResNetConfig, "block" | "layers" | "cardinality" | "baseWidth"> &
  Partial<ResNetConfig>;

/** Architectures by name, in timm's terms. */
export const resnetArchitectures: Readonly<Record<string, Architecture>> = {
  resnet18: { block: "basic", layers: [2, 2, 2, 2], cardinality: 1, baseWidth: 64 },
  resnet26: { block: "bottleneck", layers: [2, 2, 2, 2], cardinality: 1, baseWidth: 64 },
  resnet34: { block: "basic", layers: [3, 4, 6, 3], cardinality: 1, baseWidth: 64 },
  resnet50: { block: "bottleneck", layers: [3, 4, 6, 3], cardinality: 1, baseWidth: 64 },
  resnet101: { block: "bottleneck", layers: [3, 4, 23, 3], cardinality: 1, baseWidth: 64 },
  resnet152: { block: "bottleneck", layers: [3, 8, 36, 3], cardinality: 1, baseWidth: 64 },
  resnet200: { block: "bottleneck", layers: [3, 24, 36, 3], cardinality: 1, baseWidth: 64 },
  wide_resnet50_2: { block: "bottleneck", layers: [3, 4, 6, 3], cardinality: 1, baseWidth: 128 },
  wide_resnet101_2: { block: "bottleneck", layers: [3, 4, 23, 3], cardinality: 1, baseWidth: 128 },
  resnext50_32x4d: { block: "bottleneck", layers: [3, 4, 6, 3], cardinality: 32, baseWidth: 4 },
  resnext101_32x4d: { block: "bottleneck", layers: [3, 4, 23, 3], cardinality: 32, baseWidth: 4 },
  resnext101_32x8d: { block: "bottleneck", layers: [3, 4, 23, 3], cardinality: 32, baseWidth: 8 },
  resnext101_32x16d: { block: "bottleneck", layers: [3, 4, 23, 3], cardinality: 32, baseWidth: 16 },
  resnext101_32x32d: { block: "bottleneck", layers: [3, 4, 23, 3], cardinality: 32, baseWidth: 32 },
  resnext101_64x4d: { block: "bottleneck", layers: [3, 4, 23, 3], cardinality: 64, baseWidth: 4 },
  // For images of 32x32 (He et al. 2016, section 4.2). Groups of 16 channels and their halves suit the CPU's kernels.
  resnet20_cifar10: cifar({ block: "basic", layers: [3, 3, 3], cardinality: 1, baseWidth: 64 }),
  resnext17_cifar10: cifar({ block: "bottleneck", layers: [1, 2, 2], cardinality: 4, baseWidth: 32 }),
  resnext20_cifar10: cifar({ block: "bottleneck", layers: [2, 2, 2], cardinality: 4, baseWidth: 64 }),
};

function cifar(architecture: Architecture): Architecture {
  return { ...architecture, stem: "cifar", width: 16, numClasses: 10 };
}

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

  if (config.layers.length < 1 || config.layers.length > 4) {
    refuse("layers", "a list of one to four stages", config.layers);
  }
  for (const blocks of config.layers) count("layers", blocks, 1);
  count("cardinality", config.cardinality, 1);
  count("baseWidth", config.baseWidth, 1);
  count("width", config.width, 1);
  count("numClasses", config.numClasses, 0);
  count("inChannels", config.inChannels, 1);
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
 * The output stride leaves no trace in the weights and takes its default.
 *
 * @throws ModelError when the tensors are not those of a ResNet in torchvision's names.
 */
export function detectResNet(weights: StateDict): ResNetConfig {
  const needs = neededByWeights(weights);
  if (needs.length > 0) throw unsupported("These weights are of a network", needs);
  const dims = (name: string): readonly number[] | undefined => weights.get(name)?.dims;
  const stem = dims(stemName);
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
    numClasses: dims(classifier.weight)?.[0] ?? 0,
  });
}

function countBlocks(weights: StateDict, stage: number): number {
  let blocks = 0;
  while (weights.has(`layer${stage}.${blocks}.conv1.weight`)) blocks++;
  return blocks;
}

/** What a model without a description of its own sees: ImageNet's eval transform, or whole images of 32x32. */
export function resnetPreprocessing({ stem }: ResNetConfig): Preprocessing {
  return stem === "imagenet"
    ? imagenetPreprocessing
    : { ...imagenetPreprocessing, inputSize: 32, cropPct: 1 };
}

/** Blocks and groups: `bottleneck 3-4-6-3 32x4`. */
export function resnetArchitecture({ block, layers, cardinality, baseWidth }: ResNetConfig): string {
  return `${block} ${layers.join("-")} ${cardinality}x${baseWidth}`;
}

/** A configuration in the words of the papers: "ResNeXt 3-4-6-3 of bottleneck blocks, 32x4d". */
export function resnetTitle(config: ResNetConfig): string {
  const { block, layers, cardinality, baseWidth, stem, width, inChannels } = config;
  const grouping = cardinality > 1 ? `, ${cardinality}x${baseWidth}d` : "";
  const extras = [
    stem === "imagenet" ? "" : ", stem for small images",
    width === 64 ? "" : `, ${width} planes`,
    inChannels === 3 ? "" : `, ${inChannels} input channels`,
  ].join("");
  return `${cardinality > 1 ? "ResNeXt" : "ResNet"} ${layers.join("-")} of ${block} blocks${grouping}${extras}`;
}
