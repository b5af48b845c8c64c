import { tensor } from "../../core/index.ts";
import { constant, type Value } from "../value.ts";

/** A one-axis int64 constant: shapes, axes and indices. */
export function int64s(values: readonly number[]): Value<"int64"> {
  return constant(tensor("int64", [values.length], BigInt64Array.from(values, BigInt)));
}

/** A scalar int64 constant. */
export function int64(value: number): Value<"int64"> {
  return constant(tensor("int64", [], BigInt64Array.of(BigInt(value))));
}

/** A float32 constant; a scalar unless a shape is given. */
export function float32(values: number | readonly number[], shape: readonly number[] = []): Value<"float32"> {
  const data = typeof values === "number" ? Float32Array.of(values) : Float32Array.from(values);
  return constant(tensor("float32", shape, data));
}
