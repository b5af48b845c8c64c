import { ModelError, type StateDict } from "../core/index.ts";
import { resnetConfig, type ResNetConfig } from "./config.ts";

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
