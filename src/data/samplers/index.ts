export { epochOrder, type EpochOrderOptions, type Sampler } from "./epoch-order.ts";
export { splitHoldout, type Holdout } from "./split-holdout.ts";
