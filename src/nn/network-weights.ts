import { tensor, WeightsError, type StateDict, type TensorSource } from "../core/index.ts";
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
 * `_orig_mod.`, `backbone.`, `module.encoder_q.`), which is right where the names without it are those of a network. The
 * classifier may have another name, in the network or beside it, and dropout in front (`fc.1`, `head`, `classifier.1`); one
 * without a bias has zeros, one of several layers is left out.
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
  const head = found.has(weight) ? undefined : takeHead(found, tensors, prefix);
  const rows = found.get(weight)?.dims[0];
  if (rows !== undefined && !found.has(bias)) {
    found.set(bias, tensor("float32", [rows], new Float32Array(rows)));
  }
  const left = [...tensors.keys()].filter(
    (name) =>
      !(name.startsWith(prefix) && found.has(name.slice(prefix.length))) &&
      name !== `${head}.weight` &&
      name !== `${head}.bias`,
  );
  const classifier = head?.startsWith(prefix) ? head.slice(prefix.length) : head;
  return {
    tensors: found,
    prefix,
    classifier: `${classifier}.weight` === weight ? undefined : classifier,
    left,
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

/**
 * What programs call the part behind the embedding, whole or in front of its layers: `fc.1`, `classifier`, `head.fc`. A
 * sequence of network and classifier has numbers only: `0.conv1`, `1`.
 */
const headNames = /^(?:(?:fc|classifier|head|last_linear|linear)(?:\.(?:\d+|fc|linear))*|\d+)\.[^.]+$/;

/** Whether a tensor is one of a classifier, inside the network or beside it. */
function isHead(name: string, prefix: string): boolean {
  if (name.startsWith(prefix)) {
    const own = name.slice(prefix.length);
    return headNames.test(own) && !/^\d/.test(own);
  }
  // Beside the network: in the same module, or in one that holds it.
  const parts = prefix.split(".").slice(0, -2);
  const around = parts.map((_, depth) => `${parts.slice(0, depth + 1).join(".")}.`);
  return ["", ...around].some(
    (module) => name.startsWith(module) && headNames.test(name.slice(module.length)),
  );
}

/**
 * Gives the one linear layer that a file has as a classifier the names of this package's; a classifier of several layers is
 * left out.
 *
 * @returns the layer's name in the file
 */
function takeHead(found: Map<string, TensorSource>, tensors: StateDict, prefix: string): string | undefined {
  const parts = [...tensors].filter(([name]) => isHead(name, prefix));
  for (const [name] of parts) if (name.startsWith(prefix)) found.delete(name.slice(prefix.length));
  const layers = parts.filter(([name, { dims }]) => dims.length === 2 && name.endsWith(".weight"));
  if (layers.length !== 1) return undefined;
  const head = layers[0]![0].replace(/\.weight$/, "");
  for (const own of ["weight", "bias"] as const) {
    const layer = tensors.get(`${head}.${own}`);
    if (layer) found.set(family.classifier[own], layer);
  }
  return head;
}
