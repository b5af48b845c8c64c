import { ModelError } from "../core/index.ts";
import { resnetConfig, type ResNetConfig } from "./config.ts";
import { modelCards, type ModelCard } from "./model-cards.ts";

type Architecture = Pick<ResNetConfig, "block" | "layers" | "cardinality" | "baseWidth">;

const architectures: Readonly<Record<string, Architecture>> = {
  resnet18: { block: "basic", layers: [2, 2, 2, 2], cardinality: 1, baseWidth: 64 },
  resnet50: { block: "bottleneck", layers: [3, 4, 6, 3], cardinality: 1, baseWidth: 64 },
  resnext50_32x4d: { block: "bottleneck", layers: [3, 4, 6, 3], cardinality: 32, baseWidth: 4 },
  resnext101_32x4d: { block: "bottleneck", layers: [3, 4, 23, 3], cardinality: 32, baseWidth: 4 },
  resnext101_32x8d: { block: "bottleneck", layers: [3, 4, 23, 3], cardinality: 32, baseWidth: 8 },
  resnext101_32x16d: { block: "bottleneck", layers: [3, 4, 23, 3], cardinality: 32, baseWidth: 16 },
};

/** Names of the models with published weights, the card's four first. */
export function listModels(): readonly string[] {
  return modelCards.map(({ name }) => name);
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
  const key = findCard(name)?.timmTag.split(".")[0] ?? name;
  const architecture = Object.hasOwn(architectures, key) ? architectures[key] : undefined;
  if (!architecture) {
    const nearest = nearestFirst(name, [...listModels(), ...Object.keys(architectures)]).slice(0, 3);
    const choice = new Intl.ListFormat("en-GB", { type: "disjunction" }).format(nearest);
    throw new ModelError(
      "model/unknown-name",
      `There is no model "${name}". Did you mean ${choice}? listModels() / ssl-resnext models lists the released ones.`,
    );
  }
  return resnetConfig(architecture);
}

/** Sorts names by how many letter pairs they share with what was asked for; of equals, the shorter is nearer. */
function nearestFirst(wanted: string, names: readonly string[]): readonly string[] {
  const pairs = (text: string): Set<string> =>
    new Set(Array.from({ length: text.length - 1 }, (_, i) => text.slice(i, i + 2)));
  const asked = pairs(wanted.toLowerCase());
  const shared = (name: string): number => [...pairs(name)].filter((pair) => asked.has(pair)).length;
  return names.toSorted((a, b) => shared(b) - shared(a) || a.length - b.length);
}
