import {
  allocate,
  bytesPerElement,
  elementCount,
  viewAs,
  type ByteSource,
  type DType,
  type StateDict,
  type TensorSource,
} from "../../core/index.ts";
import {
  averagedKeys,
  readRange,
  refuse,
  type ArgumentValue,
  type Checkpoint,
  type OpenCheckpointOptions,
} from "../checkpoint.ts";
import { isOtherTensor, notWeights } from "../pickle/globals.ts";
import {
  PickleDict,
  PickleObject,
  PickleTuple,
  typeName,
  type PickledTensor,
  type PickleValue,
} from "../pickle/values.ts";

/** The longest pickle that is read, in bytes: a state dict of 626 tensors takes about 100 kB. */
export const maximumPickleBytes: number = 16 * 2 ** 20;

/** The state dict of an unpickled `.pth` as lazy tensors; `offsets` says where each storage's bytes start. */
export function lazyStateDict(
  source: ByteSource,
  root: PickleValue,
  offsets: ReadonlyMap<string, number>,
  options: OpenCheckpointOptions,
): Pick<Checkpoint, "tensors" | "metadata" | "arguments" | "key" | "otherKeys"> {
  const { tensors, ...found } = findStateDict(source.name, root, options);
  const entries: StateDict = new Map(
    [...tensors].map(([name, tensor]) => {
      const offset = offsets.get(tensor.storage.key);
      if (offset === undefined) {
        throw refuse(
          source.name,
          "invalid-tensor",
          `${name} needs storage "${tensor.storage.key}", which is absent.`,
        );
      }
      return [name, stridedSource(source, name, tensor, offset)];
    }),
  );
  return { tensors: entries, ...found };
}

/** Where training programs put the weights, by how sure the name is. */
const plainKeys = [
  "state_dict",
  "model_state_dict",
  "model",
  "module",
  "model_state",
  "net",
  "network",
  "params",
  "weights",
] as const;

/** The tensors of a checkpoint and the plain values that stand beside them. */
type FoundStateDict = Pick<Checkpoint, "metadata" | "arguments" | "key" | "otherKeys"> & {
  readonly tensors: ReadonlyMap<string, PickledTensor>;
};

/**
 * Finds the state dict in what a `.pth` holds: the dict itself, or one nested in a training checkpoint, however deep. Entries
 * of a state dict that are not tensors are passed over.
 *
 * @throws WeightsError `weights/no-state-dict`, `weights/no-ema`, `weights/several-state-dicts`, and `weights/forbidden-global`
 *   or `weights/unsupported-tensor` for an object that stands where weights should be
 */
function findStateDict(file: string, root: PickleValue, options: OpenCheckpointOptions): FoundStateDict {
  if (root instanceof PickleObject) throw refuse(file, ...notWeights("what was saved", root));
  const beneath = new Map(namedEntries(root).filter((entry) => holdsTensors(entry)));
  const isDeeper = beneath.size === 0 && !holdsTensors(["", root]);
  const dicts = isDeeper ? deeperDicts(root) : beneath;
  const key = chosenKey(file, [...dicts.keys()], options);
  if (key !== undefined) {
    const otherKeys = [...dicts.keys()].filter((other) => other !== key);
    return { tensors: tensorsOf(file, dicts.get(key)!), ...besideOf(root), key, otherKeys };
  }
  for (const [name, value] of namedEntries(root)) {
    if (!plainKeys.some((plain) => plain === name)) continue;
    if (value instanceof PickleObject) throw refuse(file, ...notWeights(name, value));
    if (value instanceof PickleDict) tensorsOf(file, value);
  }
  if (root instanceof PickleDict) {
    const tensors = tensorsOf(file, root);
    if (tensors.size > 0) return { tensors, ...besideOf(root), key: undefined, otherKeys: [] };
  }
  if (!(root instanceof PickleDict)) {
    throw refuse(file, "no-state-dict", `expected a dict of tensors, the file holds ${typeName(root)}.`);
  }
  const held = [...root.entries.keys()]
    .slice(0, 8)
    .map((name) => (typeof name === "string" ? name : typeName(name)))
    .join(", ");
  throw refuse(
    file,
    "no-state-dict",
    `expected tensors, or a dict of them under ${plainKeys.join(", ")}; the file holds ${held || "nothing"}.`,
  );
}

/** What a container holds, by name; places in a list are names too. */
function namedEntries(value: PickleValue): readonly [string, PickleValue][] {
  if (value instanceof PickleDict) {
    return [...value.entries].filter((entry): entry is [string, PickleValue] => typeof entry[0] === "string");
  }
  const items = value instanceof PickleTuple ? value.items : Array.isArray(value) ? value : [];
  return items.map((item, place) => [String(place), item]);
}

/** As deep as weights are looked for, such as `checkpoint.model.state_dict`. */
const deepest = 4;

/**
 * The dicts of parameters that lie in containers inside a file, by their path: those of the first depth that has some. What
 * optimisers keep has no names of parameters.
 */
function deeperDicts(root: PickleValue): ReadonlyMap<string, PickleDict> {
  const seen = new Set<PickleValue>();
  let level: readonly [string, PickleValue][] = [["", root]];
  for (let depth = 1; depth <= deepest; depth++) {
    const inside: [string, PickleValue][] = [];
    for (const [path, value] of level) {
      if (seen.has(value)) continue;
      seen.add(value);
      for (const [name, item] of namedEntries(value))
        inside.push([path === "" ? name : `${path}.${name}`, item]);
    }
    const dicts = inside
      .filter((entry) => holdsTensors(entry))
      .filter(([, dict]) =>
        [...dict.entries.keys()].some((name) => typeof name === "string" && isParameter(name)),
      );
    if (dicts.length > 0) return new Map(dicts);
    level = inside.filter(([, value]) => namedEntries(value).length > 0);
  }
  return new Map();
}

/**
 * The name of the dict of tensors that is meant.
 *
 * @param keys Names of all there are, or their paths.
 * @returns undefined when there is none
 */
function chosenKey(
  file: string,
  keys: readonly string[],
  { ema = false, key }: OpenCheckpointOptions,
): string | undefined {
  const called = (name: string): readonly string[] =>
    keys.filter((path) => path === name || path.endsWith(`.${name}`));
  if (key !== undefined && called(key).length === 1) return called(key)[0];
  const averages = averagedKeys.flatMap(called);
  if (ema) {
    if (averages[0] !== undefined) return averages[0];
    throw refuse(
      file,
      "no-ema",
      `has no averaged weights: none of ${averagedKeys.join(", ")}. Open it without ema.`,
    );
  }
  const raw = keys.filter((path) => !averages.includes(path));
  const usual = plainKeys.map(called).find((paths) => paths.length > 0) ?? raw;
  if (usual.length < 2) return usual[0] ?? averages[0];
  throw refuse(
    file,
    "several-state-dicts",
    `holds ${raw.length} dicts of tensors: ${raw.join(", ")}. Say which one is meant (key, --key).`,
  );
}

function isTensor(value: PickleValue): value is PickledTensor {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "tensor";
}

/** Whether an entry of a container is a dict of tensors. */
function holdsTensors(entry: [string, PickleValue]): entry is [string, PickleDict] {
  const value = entry[1];
  return (
    value instanceof PickleDict &&
    [...value.entries].some(([name, item]) => typeof name === "string" && isTensor(item))
  );
}

/** Names with dots are those of parameters; `_extra_state` is what modules keep besides. */
const isParameter = (name: string): boolean => name.includes(".") && !name.endsWith("_extra_state");

/** @throws WeightsError for an object of Python's in place of a tensor. */
function tensorsOf(file: string, dict: PickleDict): ReadonlyMap<string, PickledTensor> {
  const tensors = new Map<string, PickledTensor>();
  for (const [name, item] of dict.entries) {
    if (typeof name !== "string") continue;
    if (isTensor(item)) tensors.set(name, item);
    else if (item instanceof PickleObject && (isOtherTensor(item) || isParameter(name))) {
      throw refuse(file, ...notWeights(name, item));
    }
  }
  return tensors;
}

function scalarsOf(root: PickleValue): Readonly<Record<string, string>> {
  return Object.fromEntries(
    (root instanceof PickleDict ? namedEntries(root) : []).flatMap(([key, value]) =>
      ["string", "number", "bigint", "boolean"].includes(typeof value)
        ? [[key, String(value as string | number | bigint | boolean)]]
        : [],
    ),
  );
}

/** What stands beside the state dict: plain values, and what the program was called with. */
function besideOf(root: PickleValue): Pick<Checkpoint, "metadata" | "arguments"> {
  const args = root instanceof PickleDict ? root.entries.get("args") : undefined;
  return { metadata: scalarsOf(root), arguments: argumentsOf(args) };
}

/** The attributes of an `argparse.Namespace`, or the entries of a dict, that are plain values. */
function argumentsOf(args: PickleValue | undefined): Checkpoint["arguments"] {
  const attributes = args instanceof PickleObject ? args.state : args;
  if (!(attributes instanceof PickleDict)) return undefined;
  return Object.fromEntries(
    [...attributes.entries].flatMap(([name, value]): [string, ArgumentValue][] => {
      const plain = plainValue(value);
      return typeof name === "string" && plain !== undefined ? [[name, plain]] : [];
    }),
  );
}

function plainValue(value: PickleValue): ArgumentValue | undefined {
  if (isPlain(value)) return value;
  const items = value instanceof PickleTuple ? value.items : value;
  // Lists of lists are passed over: a pickle may nest them without end.
  return Array.isArray(items) && items.length <= longestArgument && items.every(isPlain) ? items : undefined;
}

const longestArgument = 64;

const isPlain = (value: PickleValue): value is null | string | number | boolean =>
  value === null || ["string", "number", "boolean"].includes(typeof value);

/** An expanded tensor may hold more elements than its storage, but not more than this or the whole file. */
const smallEnough = 1 << 20;

/**
 * A tensor over the bytes of its storage, which start at `storageOffset` in the file.
 *
 * @throws WeightsError `weights/invalid-tensor` when it would take more memory than the file justifies
 */
function stridedSource(
  source: ByteSource,
  name: string,
  tensor: PickledTensor,
  storageOffset: number,
): TensorSource {
  const { storage, dims, strides } = tensor;
  const { dtype } = storage;
  const width = bytesPerElement(dtype);
  const count = elementCount(dims);
  if (count * width > Math.max(source.size, smallEnough)) {
    throw refuse(
      source.name,
      "invalid-tensor",
      `${name} claims shape [${dims.join(", ")}], ${count * width} bytes, more than the file holds.`,
    );
  }
  const begin = storageOffset + (storage.start + tensor.offset) * width;
  const span = count === 0 ? 0 : dims.reduce((sum, dim, axis) => sum + (dim - 1) * strides[axis]!, 1);

  const load = async (): Promise<ReturnType<typeof dense<DType>>> => {
    const elements = viewAs(dtype, await readRange(source, begin, span * width, name));
    if (count === 0 || isContiguous(dims, strides)) return dense(dtype, dims, elements);
    const data = allocate(dtype, count);
    copyStrided(elements, data, dims, strides);
    return dense(dtype, dims, data);
  };
  return { dtype, dims, load };
}

function dense<D extends DType>(dtype: D, dims: readonly number[], data: ReturnType<typeof allocate<D>>) {
  return { dtype, dims, data };
}

type Elements = Record<number, number | bigint>;

/** Whether the elements lie in row-major order without gaps; strides of dimensions of size 1 do not matter. */
function isContiguous(dims: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    if (dims[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= dims[axis]!;
  }
  return true;
}

/** Writes a strided window, which starts at index 0 of `from`, into `to` in row-major order. */
function copyStrided(
  from: Elements,
  to: Elements,
  dims: readonly number[],
  strides: readonly number[],
): void {
  const inner = dims.at(-1)!;
  const step = strides.at(-1)!;
  const rows = elementCount(dims.slice(0, -1));
  const index = dims.slice(0, -1).map(() => 0);
  let start = 0;
  let out = 0;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < inner; i++) to[out++] = from[start + i * step]!;
    // The next row: an odometer over the outer dimensions.
    for (let axis = index.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      start += strides[axis]!;
      if (index[axis]! < dims[axis]!) break;
      start -= dims[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
}
