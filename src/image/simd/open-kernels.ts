import { encodeModule, type Kernel } from "./module.ts";

/** Kernels and the memory that they work in; all positions are in bytes. */
export type OpenedKernels<Kernels> = Kernels & {
  /** At least as large as was asked for; what it holds is left from earlier uses. */
  readonly memory: Uint8Array<ArrayBuffer>;
};

/**
 * Kernels with a memory of as many bytes as each use asks for. They are assembled at the first use; their memory is
 * held for the next one, unless a giant image needed it.
 *
 * @typeParam Kernels The exported functions, by the kernels' names.
 */
export function openKernels<Kernels extends object>(
  kernels: () => readonly Kernel[],
): (bytes: number) => OpenedKernels<Kernels> {
  let compiled: WebAssembly.Module | undefined;
  let kept: Instance<Kernels> | undefined;
  const instantiate = (): Instance<Kernels> => {
    compiled ??= new WebAssembly.Module(encodeModule(kernels()));
    const exported = new WebAssembly.Instance(compiled).exports as unknown as Exported<Kernels>;
    return { exported, opened: { ...exported, memory: new Uint8Array(exported.memory.buffer) } };
  };

  return (bytes) => {
    const instance = bytes <= keptBytes ? (kept ??= instantiate()) : instantiate();
    const { exported, opened } = instance;
    if (bytes > opened.memory.length) {
      exported.memory.grow(Math.ceil((bytes - opened.memory.length) / pageBytes));
      // Growing detaches the former buffer.
      instance.opened = { ...exported, memory: new Uint8Array(exported.memory.buffer) };
    }
    return instance.opened;
  };
}

type Exported<Kernels> = Kernels & { readonly memory: WebAssembly.Memory };

interface Instance<Kernels> {
  readonly exported: Exported<Kernels>;
  opened: OpenedKernels<Kernels>;
}

const pageBytes = 1 << 16;
const keptBytes = 1 << 25;
