import type { Tensor as OrtTensor } from "onnxruntime-common";
import { SessionError, type DType, type DTypeArrays, type Tensor } from "../core/index.ts";
import type { OnnxRuntime } from "./onnx-runtime.ts";

/**
 * The input of this name as ONNX Runtime's tensor, with the same memory.
 *
 * @throws SessionError `runtime/run-failed` for bfloat16, which its interface for JavaScript lacks.
 */
export function toOrt({ Tensor }: OnnxRuntime, name: string, { dtype, dims, data }: Tensor): OrtTensor {
  if (dtype === "bfloat16") {
    throw new SessionError(
      "runtime/run-failed",
      `Input "${name}": ONNX Runtime takes no bfloat16 from here.`,
    );
  }
  return new Tensor(dtype, data, dims);
}

/** A result, with ONNX Runtime's memory. */
export function fromOrt(result: OrtTensor): Tensor {
  return { dtype: result.type as DType, dims: [...result.dims], data: result.data as DTypeArrays[DType] };
}
