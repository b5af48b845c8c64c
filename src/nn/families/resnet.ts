import { add, relu, scope, type Value } from "../../graph/index.ts";
import type { ModelFamily, NetworkOutputs } from "../family.ts";
import type { Forward } from "../forward.ts";
import { batchNorm2d, conv2d, globalPool, linear, maxPool2d } from "../layers.ts";
import {
  classifier,
  detectResNet,
  resnetArchitecture,
  resnetArchitectures,
  resnetConfig,
  resnetPreprocessing,
  resnetSchema,
  resnetTitle,
  stemName,
  type ResNetConfig,
} from "./resnet-config.ts";
import { timmResNet } from "./timm-network.ts";

import { neededByName, timmNames, timmRecipe } from "./timm-resnets.ts";

type Float = Value<"float32">;

/** Feature maps in order; `stem` is taken before the max-pool. */
const taps = ["stem", "layer1", "layer2", "layer3", "layer4"] as const;

export type ResNetTap = (typeof taps)[number];

const stageName = (index: number): ResNetTap => `layer${index + 1}` as ResNetTap;

/** ResNet and ResNeXt (He et al. 2016, Xie et al. 2017). */
export const resnetFamily: ModelFamily<ResNetConfig, ResNetTap> = {
  schema: resnetSchema,
  architectures: resnetArchitectures,
  taps,
  landmarks: [stemName, "bn1.weight", "layer1.0.conv1.weight"],
  classifier,
  complete: resnetConfig,
  detect: detectResNet,
  neededByName,
  timmRecipe,
  timmNames,
  build: resnet,
  stem: () => stemName,
  stages: ({ layers }) => layers.map((blocks, index) => ({ name: stageName(index), blocks })),
  embeddingLength: ({ block, width, layers }) => width * 2 ** (layers.length - 1) * expansion[block],
  preprocessing: resnetPreprocessing,
  architecture: resnetArchitecture,
  timm: timmResNet,
  title: resnetTitle,
};

/** The network from images to logits. */
function resnet(config: ResNetConfig, images: Float, forward: Forward): NetworkOutputs<ResNetTap> {
  const imagenet = config.stem === "imagenet";
  let x = conv2d("conv1", images, forward, {
    outChannels: config.width,
    kernel: imagenet ? 7 : 3,
    stride: imagenet ? 2 : 1,
  });
  x = relu(batchNorm2d("bn1", x, forward));
  const outputs: Partial<Record<keyof NetworkOutputs<ResNetTap>, Float>> = { stem: x };
  if (imagenet) x = maxPool2d("maxpool", x);

  const block = config.block === "basic" ? basicBlock : bottleneck;
  for (const [index, stage] of strides(config).entries()) {
    const name = stageName(index);
    x = scope(name, () => {
      let y = x;
      for (let b = 0; b < stage.blocks; b++) {
        const first = b === 0;
        y = block(`${b}`, y, forward, {
          planes: stage.planes,
          stride: first ? stage.stride : 1,
          cardinality: config.cardinality,
          baseWidth: config.baseWidth,
          firstDilation: first ? stage.firstDilation : stage.dilation,
          dilation: stage.dilation,
        });
      }
      return y;
    });
    outputs[name] = x;
  }

  outputs.embedding = globalPool("global_pool", x);
  if (config.numClasses > 0) {
    const features = forward.pooled(outputs.embedding);
    outputs.logits = linear("fc", features, forward, config.numClasses);
  }
  return outputs;
}

interface StridedStage {
  readonly blocks: number;
  readonly planes: number;
  readonly stride: number;
  readonly firstDilation: number;
  readonly dilation: number;
}

/** Stages past the output stride dilate instead of striding; the first block keeps the dilation before it. */
function strides(config: ResNetConfig): readonly StridedStage[] {
  let reached = config.stem === "imagenet" ? 4 : 1;
  let dilation = 1;
  return config.layers.map((blocks, index) => {
    const wanted = index === 0 ? 1 : 2;
    const dilates = reached * wanted > config.outputStride;
    const firstDilation = dilation;
    if (dilates) dilation *= wanted;
    else reached *= wanted;
    return {
      blocks,
      planes: config.width * 2 ** index,
      stride: dilates ? 1 : wanted,
      firstDilation,
      dilation,
    };
  });
}

type FeatureMap = Value<"float32">;

interface BlockOptions {
  readonly planes: number;
  readonly stride: number;
  readonly cardinality: number;
  readonly baseWidth: number;
  /** Dilation of the convolution that would have the stride. */
  readonly firstDilation: number;
  readonly dilation: number;
}

type Block = (name: string, x: FeatureMap, forward: Forward, options: BlockOptions) => FeatureMap;

/** Output channels of each kind of block, in planes. */
const expansion = { basic: 1, bottleneck: 4 } as const;

/** Two 3x3 convolutions and the shortcut. */
const basicBlock: Block = (name, x, forward, options) =>
  scope(name, () => {
    const { planes, stride, firstDilation, dilation } = options;
    const outChannels = planes * expansion.basic;
    let y = conv2d("conv1", x, forward, {
      outChannels: planes,
      kernel: 3,
      stride,
      dilation: firstDilation,
    });
    y = relu(batchNorm2d("bn1", y, forward));
    y = conv2d("conv2", y, forward, { outChannels, kernel: 3, dilation });
    // Zero at first, so that every block starts as the identity.
    y = batchNorm2d("bn2", y, forward, 0);
    return relu(add(forward.branch(y), shortcut(x, forward, outChannels, stride)));
  });

/** 1x1, grouped 3x3 and 1x1 convolutions and the shortcut; the 3x3 has the stride. */
const bottleneck: Block = (name, x, forward, options) =>
  scope(name, () => {
    const { planes, stride, cardinality, baseWidth, firstDilation } = options;
    const width = Math.floor((planes * baseWidth) / 64) * cardinality;
    const outChannels = planes * expansion.bottleneck;
    let y = conv2d("conv1", x, forward, { outChannels: width, kernel: 1 });
    y = relu(batchNorm2d("bn1", y, forward));
    y = conv2d("conv2", y, forward, {
      outChannels: width,
      kernel: 3,
      stride,
      dilation: firstDilation,
      groups: cardinality,
    });
    y = relu(batchNorm2d("bn2", y, forward));
    y = conv2d("conv3", y, forward, { outChannels, kernel: 1 });
    y = batchNorm2d("bn3", y, forward, 0);
    return relu(add(forward.branch(y), shortcut(x, forward, outChannels, stride)));
  });

/** The input itself, or its projection where the block changes size or channels. */
function shortcut(x: FeatureMap, forward: Forward, outChannels: number, stride: number): FeatureMap {
  if (stride === 1 && x.shape[1] === outChannels) return x;
  return scope("downsample", () => {
    const projected = conv2d("0", x, forward, { outChannels, kernel: 1, stride });
    return batchNorm2d("1", projected, forward);
  });
}
