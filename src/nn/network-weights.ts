import { tensor, WeightsError, type StateDict } from "../core/index.ts";
import { family } from "./families/index.ts";

/** The tensors of a file that make a network of this package, by its names. */
export interface NetworkWeights {
  readonly tensors: StateDict;
  /** What stood before each name in the file, such as `module.`; empty for nothing. */
  readonly prefix: string;
  /** The classifier's name in the file where it is another, such as `fc.1`. */
  readonly classifier: string | undefined;
  /** Names in the file that are no part of the network. */
  readonly left: readonly string[];
}

/** What a file holds, as far as it matters here. */
interface OpenedWeights {
  readonly tensors: StateDict;
  /** The name under which they lay, where the file has several. */
  readonly key?: string | undefined;
}

/**
 * Finds the network among the tensors of a file: whatever wrapped it put a prefix before its names (`module.`,
 * `_orig_mod.`, `backbone.`, `module.encoder_q.`), which is right where the names without it are those of a network. A
 * classifier of dropout and one linear layer is that layer, one without a bias has zeros, one of several layers is left out.
 *
 * @param key Which network, where there are several: what its prefix ends in, without the dot; what was looked up by this
 *   name already needs no prefix.
 * @throws WeightsError `weights/several-networks` when nothing says which one is meant, `weights/no-key` when there is no such
 */
export function networkWeights(
  { tensors, key: taken }: OpenedWeights,
  file: string,
  key?: string,
): NetworkWeights {
  const prefix = prefixOf(tensors, file, key === taken ? undefined : key);
  const inside = [...tensors].flatMap(([name, source]): [string, typeof source][] =>
    name.startsWith(prefix) ? [[name.slice(prefix.length), source]] : [],
  );
  const found = new Map(inside);
  const { weight, bias } = family.classifier;
  // A wrapper may keep the classifier beside the network that it wraps.
  if (!found.has(weight)) {
    for (const name of [weight, bias]) {
      const beside = tensors.get(name);
      if (beside) found.set(name, beside);
    }
  }
  const classifier = onlyLayer(found);
  if (classifier !== undefined) {
    for (const [name, own] of [
      [weight, "weight"],
      [bias, "bias"],
    ] as const) {
      const layer = found.get(`${classifier}.${own}`);
      if (layer) found.set(name, layer);
      found.delete(`${classifier}.${own}`);
    }
  }
  const rows = found.get(weight)?.dims[0];
  if (rows !== undefined && !found.has(bias)) {
    found.set(bias, tensor("float32", [rows], new Float32Array(rows)));
  }
  const layers = [...found.keys()].filter(isLayer);
  for (const name of layers) found.delete(name);
  const outside = prefix === "" ? [] : [...tensors.keys()].filter((name) => !name.startsWith(prefix));
  return {
    tensors: found,
    prefix,
    classifier,
    left: [...layers, ...outside.filter((name) => !found.has(name))],
  };
}

function prefixOf(tensors: StateDict, file: string, key: string | undefined): string {
  const [first = "", ...others] = family.landmarks;
  const prefixes = [...tensors.keys()]
    .filter((name) => name.endsWith(first) && (name === first || name.at(-first.length - 1) === "."))
    .map((name) => name.slice(0, -first.length))
    .filter((prefix) => others.every((name) => tensors.has(prefix + name)));
  const shown = prefixes.map((prefix) => prefix.replace(/\.$/, "") || "the names as they are").join(", ");
  if (key !== undefined) {
    const named = prefixes.find((prefix) => `.${prefix}`.endsWith(`.${key}.`));
    if (named !== undefined) return named;
    throw new WeightsError(
      "weights/no-key",
      `${file}: has no weights of the name ${key}. Networks are found under ${shown || "no name"}.`,
    );
  }
  if (prefixes.length < 2 || prefixes.includes("")) return prefixes.includes("") ? "" : (prefixes[0] ?? "");
  // MoCo (He et al. 2020) trains this one, and keeps a slow copy beside it.
  const query = prefixes.find((prefix) => prefix.endsWith("encoder_q."));
  if (query !== undefined) return query;
  throw new WeightsError(
    "weights/several-networks",
    `${file}: holds ${prefixes.length} networks: ${shown}. Say which one is meant (key, --key).`,
  );
}

const scope = family.classifier.weight.replace(/\.weight$/, "");

/** Whether a name is that of a layer inside a classifier of several modules. */
const isLayer = (name: string): boolean =>
  name.startsWith(`${scope}.`) && /^\d+\./.test(name.slice(scope.length + 1));

/** The one linear layer of a classifier that is a sequence of modules. */
function onlyLayer(tensors: StateDict): string | undefined {
  if (tensors.has(family.classifier.weight)) return undefined;
  const weights = [...tensors].flatMap(([name, { dims }]) =>
    isLayer(name) && name.endsWith(".weight") && dims.length === 2 ? [name] : [],
  );
  return weights.length === 1 ? weights[0]!.replace(/\.weight$/, "") : undefined;
}
