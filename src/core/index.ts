export {
  allocate,
  bytesPerElement,
  dtypes,
  viewAs,
  type DType,
  type DTypeArrays,
  elementCount,
  tensor,
  type StateDict,
  type Tensor,
  type TensorSource,
  asFloat16,
  toFloat16,
} from "./tensor.ts";
export { blobSource, bytesSource, type ByteSource } from "./byte-source.ts";
export { hexOf, sha256Of, type Sha256 } from "./sha256.ts";
export {
  nearestNames,
  ClusterError,
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
export {
  accuracyText,
  decodeName,
  decodeText,
  encodeName,
  encodingOf,
  isFew,
  printable,
  shellWord,
  shownName,
} from "./text.ts";
export { expectation, problemLines } from "./schema-problems.ts";
export { version } from "./version.ts";
export { seededRandom, type Random, deriveSeed } from "./random.ts";
