import type { InferenceSession, Tensor } from "onnxruntime-common";
import { openFailed, runFailed, type Device, type OnnxRuntime } from "../../runtime/index.ts";
import { nextOf } from "../state-tensor.ts";
import type { EncodedGraph } from "./encoded-program.ts";
import type { ProgramState } from "./program-state.ts";
import type { StateMemory } from "./state-memory.ts";

/** A graph of a program that stands ready in ONNX Runtime. */
export interface ProgramSession {
  /**
   * Reads from the state what `feeds` does not have, moves the state to its new values, and gives the rest.
   *
   * @throws SessionError `runtime/out-of-memory`, `runtime/run-failed`; the state has not moved then.
   */
  run(feeds: Tensors): Promise<Tensors>;
  release(): Promise<void>;
}

export type Tensors = Readonly<Record<string, Tensor>>;

export interface ProgramSessionOptions {
  readonly device: Device;
  /** Names of the tensors that are read from the state and moved. */
  readonly tensors: readonly string[];
  readonly state: ProgramState;
  readonly memory: StateMemory;
  readonly session: InferenceSession.SessionOptions;
}

/** @throws SessionError `runtime/device-unavailable`, `runtime/model-rejected`, `runtime/out-of-memory`. */
export async function openProgramSession(
  { InferenceSession }: OnnxRuntime,
  { model, inputs, outputs }: EncodedGraph,
  { device, tensors, state, memory, session: options }: ProgramSessionOptions,
): Promise<ProgramSession> {
  const session = await InferenceSession.create(model, options).catch((error: unknown) => {
    throw openFailed(error, device, "The graph of a training step");
  });
  const moves = tensors.filter((name) => nextOf(name) in outputs);

  return {
    async run(feeds) {
      const stored = Object.entries(inputs)
        .filter(([name]) => !(name in feeds))
        .map(([name, dims]) => [name, inDims(state.get(name), dims)] as const);
      const taken = moves.map((name) => [name, memory.take(name, outputs[nextOf(name)]!)] as const);
      const fetches = Object.fromEntries(Object.keys(outputs).map((name) => [name, null]));
      try {
        const results = await session.run(
          { ...feeds, ...Object.fromEntries(stored) },
          { ...fetches, ...Object.fromEntries(taken.map(([name, tensor]) => [nextOf(name), tensor])) },
        );
        for (const [name, tensor] of taken) state.move(name, tensor ?? (results[nextOf(name)] as Tensor));
        return results;
      } catch (error) {
        for (const [name, tensor] of taken) if (tensor) memory.free(name, tensor);
        throw runFailed(error);
      }
    },
    release: () => session.release(),
  };
}

/** The same elements in the dims that a graph takes them in. */
function inDims(tensor: Tensor, dims: readonly number[]): Tensor {
  const same = tensor.dims.length === dims.length && tensor.dims.every((dim, axis) => dim === dims[axis]);
  return same ? tensor : tensor.reshape(dims);
}
