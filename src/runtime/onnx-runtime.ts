import type { InferenceSessionFactory, TensorConstructor } from "onnxruntime-common";

/** What onnxruntime-node and onnxruntime-web have in common, as far as it is needed here. */
export interface OnnxRuntime {
  readonly InferenceSession: InferenceSessionFactory;
  readonly Tensor: TensorConstructor;
}
