import { WeightsError, type StateDict, type TensorSource } from "../core/index.ts";
import { toFloat32 } from "./to-float32.ts";

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
