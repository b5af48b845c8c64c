export { averageStateDicts } from "./average-state-dicts.ts";
export type { Checkpoint, OpenCheckpointOptions } from "./checkpoint.ts";
export { fitStateDict, type FitOptions } from "./fit-state-dict.ts";
export { inferenceWeights } from "./inference-weights.ts";
export { openCheckpoint } from "./open-checkpoint.ts";
export { encodeSafetensors, type EncodedSafetensors } from "./safetensors/encode-safetensors.ts";
export { toFloat32 } from "./to-float32.ts";
export * from "./hub/index.ts";
