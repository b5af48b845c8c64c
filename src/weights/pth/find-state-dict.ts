import { PickleDict, typeName, type PickledTensor, type PickleValue } from "../pickle/index.ts";
import type { OpenCheckpointOptions } from "../checkpoint.ts";
import { refuse } from "../refuse.ts";

const plainKeys = ["state_dict", "model", "module", "model_state"] as const;
const emaKeys = ["state_dict_ema", "model_ema"] as const;

/** The tensors of a checkpoint and the plain values that stand beside them. */
export interface FoundStateDict {
  readonly tensors: ReadonlyMap<string, PickledTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Finds the state dict in what a `.pth` holds: the dict itself, or one nested in a training checkpoint. Entries
 * of a state dict that are not tensors are passed over.
 *
 * @throws WeightsError `weights/no-state-dict`, `weights/no-ema`, `weights/duplicate-key`
 */
export function findStateDict(
  file: string,
  root: PickleValue,
  options: OpenCheckpointOptions,
): FoundStateDict {
  if (!(root instanceof PickleDict)) {
    throw refuse(file, "no-state-dict", `expected a dict of tensors, the file holds ${typeName(root)}.`);
  }
  const keys = options.ema === true ? emaKeys : [...plainKeys, ...emaKeys];
  const nested = keys
    .map((key) => tensorsOf(file, root.entries.get(key)))
    .find((tensors) => tensors.size > 0);
  if (nested !== undefined) return { tensors: nested, metadata: scalarsOf(root) };
  if (options.ema === true) {
    throw refuse(
      file,
      "no-ema",
      `has no averaged weights: none of ${emaKeys.join(", ")}. Open it without ema.`,
    );
  }
  const tensors = tensorsOf(file, root);
  if (tensors.size > 0) return { tensors, metadata: scalarsOf(root) };
  const held = [...root.entries.keys()]
    .slice(0, 8)
    .map((key) => (typeof key === "string" ? key : typeName(key)))
    .join(", ");
  throw refuse(
    file,
    "no-state-dict",
    `expected tensors, or a dict of them under ${keys.join(", ")}; the file holds ${held || "nothing"}.`,
  );
}

function isTensor(value: PickleValue): value is PickledTensor {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "tensor";
}

function tensorsOf(file: string, value: PickleValue | undefined): ReadonlyMap<string, PickledTensor> {
  const tensors = new Map<string, PickledTensor>();
  if (!(value instanceof PickleDict)) return tensors;
  for (const [key, item] of value.entries) {
    if (typeof key !== "string" || !isTensor(item)) continue;
    const name = withoutWrappers(key);
    if (tensors.has(name))
      throw refuse(file, "duplicate-key", `${name} stands twice, with and without a prefix.`);
    tensors.set(name, item);
  }
  return tensors;
}

/** DataParallel puts `module.` before every name, torch.compile `_orig_mod.`. */
function withoutWrappers(key: string): string {
  return key.replace(/^(?:module\.|_orig_mod\.)+/, "");
}

function scalarsOf(root: PickleDict): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...root.entries].flatMap(([key, value]) =>
      typeof key === "string" && ["string", "number", "bigint", "boolean"].includes(typeof value)
        ? [[key, String(value as string | number | bigint | boolean)]]
        : [],
    ),
  );
}
