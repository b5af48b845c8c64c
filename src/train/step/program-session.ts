import type { InferenceSession, Tensor } from "onnxruntime-common";
import { elementCount } from "../../core/index.ts";
import { openFailed, runFailed, type Device, type OnnxRuntime } from "../../runtime/index.ts";
import { nextOf } from "../state-tensor.ts";
import type { EncodedGraph } from "./encoded-program.ts";

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

interface ProgramSessionOptions {
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

/** The tensors of a program, before the step under way and in it. */
export interface ProgramState {
  /** The newest value. */
  get(name: string): Tensor;
  /** Gives a tensor a new value, which counts once the step is committed. */
  move(name: string, tensor: Tensor): void;
  /** Leaves the newest value, which is not committed yet, to the caller. */
  handOver(name: string): Tensor;
  commit(): void;
  /** Goes back to what was committed last. */
  discard(): void;
  release(): void;
}

/** @param kept Names of what outlives a step; the rest is freed by `commit`. */
export function programState(kept: ReadonlySet<string>, memory: StateMemory): ProgramState {
  const committed = new Map<string, Tensor>();
  const moved = new Map<string, Tensor>();
  const freeAll = (tensors: Map<string, Tensor>): void => {
    for (const [name, tensor] of tensors) memory.free(name, tensor);
    tensors.clear();
  };
  const replace = (tensors: Map<string, Tensor>, name: string, tensor: Tensor): void => {
    const old = tensors.get(name);
    if (old) memory.free(name, old);
    tensors.set(name, tensor);
  };
  return {
    get: (name) => moved.get(name) ?? committed.get(name)!,
    move: (name, tensor) => replace(moved, name, tensor),
    handOver(name) {
      const tensor = moved.get(name)!;
      moved.delete(name);
      return tensor;
    },
    commit() {
      for (const name of kept) {
        const tensor = moved.get(name);
        if (tensor) replace(committed, name, tensor);
        moved.delete(name);
      }
      freeAll(moved);
    },
    discard: () => freeAll(moved),
    release() {
      freeAll(moved);
      freeAll(committed);
    },
  };
}

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
