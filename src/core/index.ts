export { allocate, bytesPerElement, viewAs, type DType, type DTypeArrays } from "./dtype.ts";
export { asFloat16, toFloat16 } from "./float16.ts";
export { elementCount, tensor, type StateDict, type Tensor, type TensorSource } from "./tensor.ts";
export { bytesSource, type ByteSource } from "./byte-source.ts";
export { nearestNames } from "./nearest-names.ts";
export { seededRandom, type Random } from "./random.ts";
export { deriveSeed } from "./derive-seed.ts";
export {
  DataError,
  GraphError,
  ImageError,
  ModelError,
  SessionError,
  SslResnextError,
  TrainingError,
  UsageError,
  WeightsError,
} from "./errors.ts";
