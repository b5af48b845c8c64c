import type { NodeOf, OpType } from "../../ops/table.ts";
import { isValue4d, type Float, type Node, type Value, type Value4d } from "../../value.ts";
import type { MergedGroups } from "../merged-groups.ts";

/** How a value stands in memory: as everyone stores it, in blocks of channels, or in other dims (same elements, same order). */
export type Layout = "plain" | "blocked" | "flat";

export interface Placed {
  readonly value: Value;
  readonly layout: Layout;
}

/** A node that is being written for blocked kernels, and its inputs in the layouts that a rule asks for. */
export interface Site<N = Node> {
  readonly node: N;
  /** Channels of one block. */
  readonly block: number;
  readonly target: BlockedTarget;
  plain(index: number): Float;
  /** Reorders the input if need be: [N, C, H, W], C in whole blocks. */
  blocked(index: number): Float;
  isBlocked(index: number): boolean;
  /** The parameter or slot of an optimiser in the dims in which the graph takes it, if they are not its own. */
  flat(index: number): Float | undefined;
  /** The blocked convolution that made an input, if nothing else reads it and no activation follows in it. */
  open(index: number): NodeOf<"BlockedConv"> | undefined;
}

/** Writes a node for blocked kernels; `undefined` where its op or shape is not covered. */
export type BlockedRule<N = Node> = (site: Site<N>) => readonly Placed[] | undefined;

/** The rule of every op that has blocked kernels, or that can be written in some. */
export type BlockedRules = { readonly [T in OpType]?: BlockedRule<NodeOf<T>> };

/** What a graph is written for: the rules are the same for all, the policies are not. */
export interface BlockedTarget {
  readonly rules: BlockedRules;
  /**
   * Brings the weight of a convolution into the order of blocked kernels.
   *
   * @param merged Its groups; `undefined` for a stem, whose input is not blocked.
   * @returns `undefined` where the convolution is to stay as it is.
   */
  readonly weight: (weight: Float, block: number, merged: MergedGroups | undefined) => Float | undefined;
  /** Names what is written for a node, or for a convolution into which the node is fused. */
  readonly scopeOf: (node: Node, convolution?: NodeOf<"BlockedConv">) => string;
}

export const blocked = (value: Value): Placed => ({ value, layout: "blocked" });
export const plain = (value: Value): Placed => ({ value, layout: "plain" });
export const flat = (value: Value): Placed => ({ value, layout: "flat" });

/** Whether a value is [N, C, H, W] with channels in whole blocks. */
export function fillsBlocks({ shape }: Value, block: number): boolean {
  return shape.length === 4 && typeof shape[1] === "number" && shape[1] % block === 0;
}

/** Whether all lengths are known as well, which rules that count pixels or images need. */
export function isBlockable<V extends Value>(value: V, block: number): value is V & Value4d {
  return isValue4d(value) && fillsBlocks(value, block);
}
