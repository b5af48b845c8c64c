export { pretrainedNames, weightFiles } from "./hub/weight-files.ts";
export { averageStateDicts } from "./average-state-dicts.ts";
export { averagedKeys, type Checkpoint, type OpenCheckpointOptions, hashWeights } from "./checkpoint.ts";
export { fitStateDict, type FitOptions, toFloat32 } from "./fit-state-dict.ts";
export { inferenceWeights, openCheckpoint, projectionScope } from "./open-checkpoint.ts";
export { encodeSafetensors, type EncodedSafetensors } from "./safetensors.ts";
export { isShardIndex, openWeights, weightsFile, type OpenedWeights } from "./open-weights.ts";
