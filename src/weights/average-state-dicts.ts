import { allocate, WeightsError, type StateDict, type TensorSource } from "../core/index.ts";
import { isBatchCounter, toFloat32 } from "./fit-state-dict.ts";

/**
 * Averages checkpoints of one model with equal weight, as timm's `avg_checkpoints` does. Sums are kept in
 * float64 and given as float32; integer buffers such as `num_batches_tracked` are those of the last checkpoint,
 * and these counters may be missing.
 * Lazy: loading a tensor reads that tensor of every checkpoint, one after the other.
 *
 * @throws WeightsError `weights/mismatch` when names or shapes differ, `weights/nothing-to-average` without checkpoints
 */
export function averageStateDicts(checkpoints: readonly StateDict[]): StateDict {
  const last = checkpoints.at(-1);
  if (last === undefined) {
    throw new WeightsError(
      "weights/nothing-to-average",
      "average: expected one checkpoint or more, got none.",
    );
  }
  checkpoints.forEach((checkpoint, index) => checkAgreement(last, checkpoint, index));
  return new Map(
    [...last].map(([name, source]): [string, TensorSource] => [
      name,
      isFloat(source) ? average(checkpoints.map((checkpoint) => checkpoint.get(name)!)) : source,
    ]),
  );
}

function isFloat({ dtype }: TensorSource): boolean {
  return dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16";
}

function average(sources: readonly TensorSource[]): TensorSource<"float32"> {
  const { dims } = sources[0]!;
  return {
    dtype: "float32",
    dims,
    load: async () => {
      let sum: Float64Array | undefined;
      for (const source of sources) {
        const { data } = await (source.dtype === "float64" ? source : toFloat32(source)).load();
        sum ??= allocate("float64", data.length);
        for (let i = 0; i < sum.length; i++) sum[i]! += Number(data[i]);
      }
      return { dtype: "float32", dims, data: Float32Array.from(sum!, (value) => value / sources.length) };
    },
  };
}

function checkAgreement(reference: StateDict, checkpoint: StateDict, index: number): void {
  const shapeOf = (source: TensorSource | undefined): string =>
    source === undefined ? "nothing" : `${isFloat(source) ? "float" : "integer"} [${source.dims.join(", ")}]`;
  const names = new Set([...reference.keys(), ...checkpoint.keys()]);
  const differing = [...names].filter(
    (name) => !isBatchCounter(name) && shapeOf(reference.get(name)) !== shapeOf(checkpoint.get(name)),
  );
  if (differing.length === 0) return;
  const examples = differing
    .slice(0, 5)
    .map(
      (name) =>
        `${name} (${shapeOf(checkpoint.get(name))} here, ${shapeOf(reference.get(name))} in the last)`,
    );
  throw new WeightsError(
    "weights/mismatch",
    `average: checkpoint ${index + 1} differs from the last one in ${differing.length} ${differing.length === 1 ? "tensor" : "tensors"}: ` +
      `${examples.join(", ")}. Only checkpoints of the same model can be averaged.`,
  );
}
