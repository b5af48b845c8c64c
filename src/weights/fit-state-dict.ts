import { WeightsError, type StateDict, type Tensor, type TensorSource } from "../core/index.ts";

export interface FitOptions {
  /** Refuses missing and unexpected names; otherwise they are left out. Shapes have to agree in any case. @default true */
  readonly strict?: boolean;
  /** What the error calls the weights. @default "weights" */
  readonly name?: string;
}

/** Whether a name is that of a batch normalisation's counter: files of 2019 have none, and inference no use for it. */
export const isBatchCounter = (name: string): boolean => /(?:^|\.)num_batches_tracked$/.test(name);

/** How many names of each kind an error spells out. */
const listed = 12;

/**
 * Matches found tensors with the names and shapes a model expects. Gives them in the expected order as lazy
 * float32, `num_batches_tracked` as it is.
 *
 * @throws WeightsError `weights/mismatch`, which lists missing, unexpected and mis-shaped names at once
 */
export function fitStateDict(
  expected: ReadonlyMap<string, readonly number[]>,
  found: StateDict,
  { strict = true, name = "weights" }: FitOptions = {},
): StateDict {
  const missing = [...expected.keys()].filter((key) => !found.has(key) && !isBatchCounter(key));
  const unexpected = [...found.keys()].filter((key) => !expected.has(key) && !isBatchCounter(key));
  const shared = [...expected].flatMap(([key, dims]) => {
    const source = found.get(key);
    return source === undefined ? [] : [{ key, dims, source }];
  });
  const misshaped = shared
    .filter(({ dims, source }) => !sameDims(dims, source.dims))
    .map(
      ({ key, dims, source }) => `${key} (expected [${dims.join(", ")}], found [${source.dims.join(", ")}])`,
    );

  const problems = [
    ...(strict ? [list("missing", missing), list("unexpected", unexpected)] : []),
    list("of another shape", misshaped),
  ].filter((line) => line !== undefined);
  if (problems.length > 0) {
    throw new WeightsError(
      "weights/mismatch",
      `${name}: do not fit the model (${expected.size} tensors expected, ${found.size} found).\n` +
        `${problems.join("\n")}\nCheck the model's name, its number of classes and its input channels.`,
    );
  }
  return new Map(
    shared.map(({ key, source }): [string, TensorSource] => [
      key,
      isBatchCounter(key) ? source : toFloat32(source),
    ]),
  );
}

function sameDims(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

function list(kind: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const more = names.length > listed ? `, and ${names.length - listed} more` : "";
  return `  ${names.length} ${kind}: ${names.slice(0, listed).join(", ")}${more}`;
}

/** Value of an IEEE 754 binary16 bit pattern; exact, subnormals, infinities and NaN included. */
function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

let float16Values: Float32Array | undefined;

function convertFloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  // All 65,536 of them: looking a value up is far cheaper than computing it.
  float16Values ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => fromFloat16(half));
  const values = float16Values;
  const converted = new Float32Array(halves.length);
  for (let i = 0; i < converted.length; i++) converted[i] = values[halves[i]!]!;
  return converted;
}

/** A bfloat16 is the upper half of a float32. */
function convertBfloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < bits.length; i++) bits[i] = halves[i]! << 16;
  return new Float32Array(bits.buffer);
}

function convert({ dtype, data }: Tensor): Float32Array<ArrayBuffer> {
  if (dtype === "float32") return data as Float32Array<ArrayBuffer>;
  if (dtype === "float16") return convertFloat16(data as Uint16Array);
  if (dtype === "bfloat16") return convertBfloat16(data as Uint16Array);
  // Not Float32Array.from, which goes through an iterator and takes several times as long.
  const converted = new Float32Array(data.length);
  for (let i = 0; i < converted.length; i++) converted[i] = Number(data[i]);
  return converted;
}

/** The same tensor in float32, converted when loaded; a float32 source is handed back as it is. */
export function toFloat32(source: TensorSource): TensorSource<"float32"> {
  if (isFloat32(source)) return source;
  const { dims } = source;
  return {
    dtype: "float32",
    dims,
    load: async () => ({ dtype: "float32", dims, data: convert(await source.load()) }),
  };
}

function isFloat32(source: TensorSource): source is TensorSource<"float32"> {
  return source.dtype === "float32";
}
