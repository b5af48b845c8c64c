import type { Tensor } from "onnxruntime-common";
import type { StateMemory } from "./state-memory.ts";

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
