import type { Tensor } from "onnxruntime-common";
import { elementCount } from "../../core/index.ts";
import type { OnnxRuntime } from "../../runtime/index.ts";
import { nextOf, type StateTensor } from "../state-tensor.ts";
import type { ProgramSession, Tensors } from "./program-session.ts";
import type { ProgramState } from "./program-state.ts";
import type { StateMemory } from "./state-memory.ts";
import type { StateValues } from "./step-runner.ts";

/** The way of a state into the program's tensors and out of them. */
export interface StateTransfer {
  /** Moves these tensors to the values; to zero where there are none. */
  write(kept: readonly StateTensor[], values: StateValues): Promise<void>;
  /** Copies these tensors. */
  read(tensors: readonly StateTensor[]): Promise<StateValues>;
}

/** For a state in the program's own memory. */
export function hostTransfer(
  { Tensor }: OnnxRuntime,
  state: ProgramState,
  memory: StateMemory,
): StateTransfer {
  return {
    write(kept, values) {
      for (const { name, dims } of kept) {
        const value = valueOf(values, name, dims);
        const target = memory.take(name, dims);
        if (target) dataOf(target).set(value);
        state.move(name, target ?? new Tensor("float32", value, dims));
      }
      return Promise.resolve();
    },
    read: (tensors) =>
      Promise.resolve(new Map(tensors.map(({ name }) => [name, dataOf(state.get(name)).slice()]))),
  };
}

/**
 * For a state in a device's memory.
 *
 * It is copied by a graph: onnxruntime-node ends the process when a tensor of the device is asked for its data.
 *
 * @param upload The graph that copies every tensor, with results on the device.
 * @param download The same graph, with results in the program's memory.
 */
export function deviceTransfer(
  { Tensor }: OnnxRuntime,
  upload: ProgramSession,
  download: ProgramSession,
): StateTransfer {
  return {
    async write(kept, values) {
      const feeds = kept.map(({ name, dims }) => [
        name,
        new Tensor("float32", valueOf(values, name, dims), dims),
      ]);
      await upload.run(Object.fromEntries(feeds) as Tensors);
    },
    async read(tensors) {
      const copies = await download.run({});
      return new Map(tensors.map(({ name }) => [name, dataOf(copies[nextOf(name)]!)]));
    },
  };
}

function valueOf(values: StateValues, name: string, dims: readonly number[]): Float32Array<ArrayBuffer> {
  return values.get(name) ?? new Float32Array(elementCount(dims));
}

/** The elements of a tensor of floats in the program's memory. */
export function dataOf(tensor: Tensor): Float32Array<ArrayBuffer> {
  return tensor.data as Float32Array<ArrayBuffer>;
}
