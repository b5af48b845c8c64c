import { ModelError, nearestNames } from "../core/index.ts";
import { family, type ModelConfig } from "./families/index.ts";
import { unsupported } from "./unsupported.ts";
import { embeddedModel, modelCards, type ModelCard } from "./model-cards.ts";

const architectureOf = (name: string): string =>
  name === embeddedModel
    ? "resnext17_cifar10"
    : (findCard(name)?.timmTag ?? timmName(name) ?? name).split(".")[0]!;

/**
 * timm's name of a model by its name on the Hugging Face hub, `timm/NAME` as timm and the hub write it, or by itself where it
 * has a tag of timm's tables; `undefined` for other names, and for the path of a file.
 *
 * @example timmName("hf-hub:timm/resnet50.a1_in1k") // "resnet50.a1_in1k"
 */
export function timmName(name: string): string | undefined {
  const onHub = /^(?:hf[-_]hub:)?timm\/([\w.-]+)$/.exec(name)?.[1];
  if (onHub !== undefined) return weightsEnding.test(onHub) ? undefined : onHub;
  return family.timmNames.includes(name) ? name : undefined;
}

/** How files of weights end. */
export const weightsEnding: RegExp = /\.(pth|pt|bin|tar|ckpt|safetensors|index\.json|onnx)$/i;

/** Whether a name, timm's tag included, is that of a model with trained weights. */
export const hasWeights = (name: string): boolean =>
  name === embeddedModel || findCard(name) !== undefined || timmName(name) !== undefined;

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
  const tag = timmName(name) ?? name;
  return modelCards.find((card) => card.name === name || card.timmTag === tag);
}

/**
 * Configuration of a model by name: a card's name, timm's tag, or a bare architecture (`resnext50_32x4d`).
 *
 * @throws ModelError `model/unknown-name` that gives the three nearest names; `model/unsupported-architecture` for a ResNet of
 *   timm's that is not built here, with what it needs.
 */
export function modelConfig(name: string): ModelConfig {
  const { architectures } = family;
  const key = architectureOf(name);
  const architecture = Object.hasOwn(architectures, key) ? architectures[key] : undefined;
  if (!architecture) {
    const needs = family.neededByName(key);
    if (needs.length > 0) throw unsupported(`${name} is a network`, needs);
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
  return family.complete(architecture);
}
