/** One tensor that outlives a step: a parameter, a running statistic, or what is remembered of one. */
export interface StateTensor {
  /** Name of the graphs' input: torchvision's, or `slotOf` for what is remembered of it. */
  readonly name: string;
  /** A graph may take and give it in other dims: the same elements in the same order. */
  readonly dims: readonly number[];
}

/** Name of something that is remembered of a parameter: an optimiser's slot, or `ema`. */
export const slotOf = (name: string, slot: string): string => `${name}/${slot}`;

/** Name of the output that holds a tensor's new value; a graph without it leaves the tensor as it is. */
export const nextOf = (name: string): string => `${name}/next`;
