import { elementCount, seededRandom, tensor, type Tensor, type TensorSource } from "../../src/core/index.ts";

type Known<D extends "float32" | "int64"> = Tensor<D> & TensorSource<D>;

/** Seeded tensors for tests: each generator counts on from its seed. */
export interface RandomTensors {
  /** Standard normal float32. */
  readonly normal: (...dims: readonly number[]) => Known<"float32">;
  /** Uniform float32 in [low, high). */
  readonly uniform: (low: number, high: number, ...dims: readonly number[]) => Known<"float32">;
  /** Integers in [low, high) as int64. */
  readonly integers: (low: number, high: number, ...dims: readonly number[]) => Known<"int64">;
}

export function randomTensors(seed: number): RandomTensors {
  const random = seededRandom(seed);
  const floats = (dims: readonly number[], draw: () => number): Known<"float32"> =>
    tensor("float32", dims, Float32Array.from({ length: elementCount(dims) }, draw));
  return {
    normal: (...dims) => floats(dims, () => random.normal()),
    uniform: (low, high, ...dims) => floats(dims, () => low + (high - low) * random.uniform()),
    integers: (low, high, ...dims) =>
      tensor(
        "int64",
        dims,
        BigInt64Array.from({ length: elementCount(dims) }, () => BigInt(low + random.integer(high - low))),
      ),
  };
}
