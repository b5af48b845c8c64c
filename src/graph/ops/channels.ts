import type { DType } from "../../core/index.ts";
import type { Value } from "../value.ts";
import { reshape } from "./layout.ts";

/** The axes of [N, C, ...] over which statistics of a channel are taken. */
export function allButChannels(x: Value): readonly number[] {
  return x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
}

/** A value per channel [C] as [C, 1, ...], to be combined with `x` [N, C, ...]. */
export function channelColumn<D extends DType>(value: Value<D>, x: Value<D>): Value<D> {
  return reshape(value, [-1, ...x.shape.slice(2).map(() => 1)]);
}
