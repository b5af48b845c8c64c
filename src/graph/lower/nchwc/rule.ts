import type { Node, Value } from "../../value.ts";
import type { Float } from "../lower.ts";

/** How a value stands in memory: as everyone stores it, in blocks of channels, or in other dims (same elements, same order). */
export type Layout = "plain" | "blocked" | "flat";

export interface Placed {
  readonly value: Value;
  readonly layout: Layout;
}

/** A node that is being written for blocked kernels, and its inputs in the layouts that a rule asks for. */
export interface Site {
  readonly node: Node;
  /** Channels of one block. */
  readonly block: number;
  plain(index: number): Float;
  /** Reorders the input if need be: [N, C, H, W], C in whole blocks. */
  blocked(index: number): Float;
  isBlocked(index: number): boolean;
  /** The parameter or slot of an optimiser in the dims in which the graph takes it, if they are not its own. */
  flat(index: number): Float | undefined;
  /** The blocked convolution that made an input, if nothing else reads it and no activation follows in it. */
  open(index: number): Node | undefined;
}

/** Writes a node for blocked kernels; `undefined` where its op or shape is not covered. */
export type BlockedRule = (site: Site) => readonly Placed[] | undefined;

export const blocked = (value: Value): Placed => ({ value, layout: "blocked" });
export const plain = (value: Value): Placed => ({ value, layout: "plain" });
export const flat = (value: Value): Placed => ({ value, layout: "flat" });

/** The lengths of a blocked or blockable value: [N, C, H, W]. */
export const lengthsOf = ({ shape }: Value): readonly [number, number, number, number] =>
  shape as readonly [number, number, number, number];

/** Whether a value is [N, C, H, W] with known lengths, its channels in whole blocks. */
export function isBlockable({ shape }: Value, block: number): boolean {
  const known = shape.length === 4 && shape.every((length) => typeof length === "number");
  return known && (shape[1] as number) % block === 0;
}
