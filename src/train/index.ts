export { defaultSgd, type SgdOptions } from "./optimizer.ts";
export {
  momentumOf,
  trainingGraph,
  type StateTensor,
  type TrainingGraph,
  type TrainingGraphOptions,
} from "./training-graph.ts";
