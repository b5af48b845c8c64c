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
import { readRange, refuse, type Checkpoint, type OpenCheckpointOptions } from "../checkpoint.ts";
import { PickleDict, typeName, type PickledTensor, type PickleValue } from "../pickle/values.ts";

/** The longest pickle that is read, in bytes: a state dict of 626 tensors takes about 100 kB. */
export const maximumPickleBytes: number = 16 * 2 ** 20;

/** The state dict of an unpickled `.pth` as lazy tensors; `offsets` says where each storage's bytes start. */
export function lazyStateDict(
  source: ByteSource,
  root: PickleValue,
  offsets: ReadonlyMap<string, number>,
  options: OpenCheckpointOptions,
): Pick<Checkpoint, "tensors" | "metadata"> {
  const { tensors, metadata } = findStateDict(source.name, root, options);
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
  return { tensors: entries, metadata };
}

const plainKeys = ["state_dict", "model", "module", "model_state"] as const;
const emaKeys = ["state_dict_ema", "model_ema"] as const;

/** The tensors of a checkpoint and the plain values that stand beside them. */
interface FoundStateDict {
  readonly tensors: ReadonlyMap<string, PickledTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Finds the state dict in what a `.pth` holds: the dict itself, or one nested in a training checkpoint. Entries
 * of a state dict that are not tensors are passed over.
 *
 * @throws WeightsError `weights/no-state-dict`, `weights/no-ema`, `weights/duplicate-key`
 */
function findStateDict(file: string, root: PickleValue, options: OpenCheckpointOptions): FoundStateDict {
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
