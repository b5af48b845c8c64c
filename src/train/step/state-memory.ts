import type { Tensor } from "onnxruntime-common";
import { elementCount } from "../../core/index.ts";
import type { OnnxRuntime } from "../../runtime/index.ts";

/** Where new values of the state go, and what becomes of old ones. */
export interface StateMemory {
  /** A tensor for ONNX Runtime to write the next value of `name` into; null where it gives one of its own. */
  take(name: string, dims: readonly number[]): Tensor | null;
  /** Takes back a value that is no longer needed. */
  free(name: string, tensor: Tensor): void;
}

/**
 * Tensors that are written over and over. A tensor of the state alternates between two of them, and between three
 * where several runs of a graph change it in one step: nothing is allocated once these stand.
 */
export function reusedMemory({ Tensor }: OnnxRuntime): StateMemory {
  const spares = new Map<string, Tensor[]>();
  return {
    take: (name, dims) =>
      spares.get(name)?.pop()?.reshape(dims) ??
      new Tensor("float32", new Float32Array(elementCount(dims)), dims),
    free(name, tensor) {
      const known = spares.get(name);
      if (known) known.push(tensor);
      else spares.set(name, [tensor]);
    },
  };
}

/** ONNX Runtime's own tensors: those of a device, and in WebAssembly, where tensors that it is given stay as they are. */
export const returnedMemory: StateMemory = {
  take: () => null,
  free: (_name, tensor) => tensor.dispose(),
};
