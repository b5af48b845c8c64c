import { ModelError, nearestNames } from "../core/index.ts";
import { embeddedModel, modelCards, type ModelCard } from "./model-cards.ts";
import { resnetConfig, type ResNetConfig } from "./resnet-config.ts";

type Architecture = Pick<ResNetConfig, "block" | "layers" | "cardinality" | "baseWidth"> &
  Partial<ResNetConfig>;

const architectures: Readonly<Record<string, Architecture>> = {
  resnet18: { block: "basic", layers: [2, 2, 2, 2], cardinality: 1, baseWidth: 64 },
  resnet50: { block: "bottleneck", layers: [3, 4, 6, 3], cardinality: 1, baseWidth: 64 },
  resnext50_32x4d: { block: "bottleneck", layers: [3, 4, 6, 3], cardinality: 32, baseWidth: 4 },
  resnext101_32x4d: { block: "bottleneck", layers: [3, 4, 23, 3], cardinality: 32, baseWidth: 4 },
  resnext101_32x8d: { block: "bottleneck", layers: [3, 4, 23, 3], cardinality: 32, baseWidth: 8 },
  resnext101_32x16d: { block: "bottleneck", layers: [3, 4, 23, 3], cardinality: 32, baseWidth: 16 },
  // For images of 32x32 (He et al. 2016, section 4.2). Groups of 16 channels and their halves suit the CPU's kernels.
  resnet20_cifar10: cifar({ block: "basic", layers: [3, 3, 3], cardinality: 1, baseWidth: 64 }),
  resnext17_cifar10: cifar({ block: "bottleneck", layers: [1, 2, 2], cardinality: 4, baseWidth: 32 }),
  resnext20_cifar10: cifar({ block: "bottleneck", layers: [2, 2, 2], cardinality: 4, baseWidth: 64 }),
};

function cifar(architecture: Architecture): Architecture {
  return { ...architecture, stem: "cifar", width: 16, numClasses: 10 };
}

const architectureOf = (name: string): string =>
  name === embeddedModel ? "resnext17_cifar10" : (findCard(name)?.timmTag.split(".")[0] ?? name);

/** Whether a name, timm's tag included, is that of a model with trained weights. */
export const hasWeights = (name: string): boolean => name === embeddedModel || findCard(name) !== undefined;

/** Names of the models with trained weights: the released ones, the card's four first, and the embedded one. */
export function listModels(): readonly string[] {
  return [...modelCards.map(({ name }) => name), embeddedModel];
}

/**
 * The card of a model by its name or timm tag; `undefined` when neither is known.
 *
 * @example findCard("resnext50_32x4d.fb_ssl_yfcc100m_ft_in1k")?.name // "ssl_resnext50_32x4d"
 */
export function findCard(name: string): ModelCard | undefined {
  return modelCards.find((card) => card.name === name || card.timmTag === name);
}

/**
 * Configuration of a model by name: a card's name, timm's tag, or a bare architecture (`resnext50_32x4d`).
 *
 * @throws ModelError that gives the three nearest names.
 */
export function modelConfig(name: string): ResNetConfig {
  const key = architectureOf(name);
  const architecture = Object.hasOwn(architectures, key) ? architectures[key] : undefined;
  if (!architecture) {
    const nearest = nearestNames(name, [...new Set([...listModels(), ...Object.keys(architectures)])]).slice(
      0,
      3,
    );
    const choice = new Intl.ListFormat("en-GB", { type: "disjunction" }).format(nearest);
    throw new ModelError(
      "model/unknown-name",
      `There is no model "${name}". Did you mean ${choice}? listModels() / ssl-resnext models lists those with trained weights.`,
    );
  }
  return resnetConfig(architecture);
}
