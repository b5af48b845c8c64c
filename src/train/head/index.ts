export type { Examples } from "./examples.ts";
export {
  defaultStrengths,
  fitHead,
  type FitHeadOptions,
  type HeadFit,
  type StrengthTried,
} from "./fit-head.ts";
export { headGraph } from "./head-graph.ts";
export { headObjective, type HeadObjective, type Rows } from "./head-objective.ts";
export type { Evaluation } from "./minimise.ts";
export {
  featureStatistics,
  foldStatistics,
  standardise,
  type FeatureStatistics,
  type LinearHead,
} from "./standardise.ts";
