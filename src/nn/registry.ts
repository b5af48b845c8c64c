import { ModelError, nearestNames } from "../core/index.ts";
import { family, type ModelConfig } from "./families/index.ts";
import { embeddedModel, modelCards, type ModelCard } from "./model-cards.ts";

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
export function modelConfig(name: string): ModelConfig {
  const { architectures } = family;
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
  return family.complete(architecture);
}
