export * from "./hub/index.ts";
export { averageStateDicts } from "./average-state-dicts.ts";
export type { Checkpoint, OpenCheckpointOptions } from "./checkpoint.ts";
export { hashWeights } from "./hash-weights.ts";
export { fitStateDict, type FitOptions } from "./fit-state-dict.ts";
export { inferenceWeights, openCheckpoint } from "./open-checkpoint.ts";
export { encodeSafetensors, type EncodedSafetensors } from "./safetensors.ts";
export { toFloat32 } from "./to-float32.ts";
