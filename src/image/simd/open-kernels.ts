import { unsigned, type Code } from "./instructions.ts";

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

/** A function without a result; its further locals follow the parameters. */
export interface Kernel {
  readonly name: string;
  /** The i32 parameters come first. */
  readonly parameters: { readonly i32: number; readonly f32?: number };
  readonly locals: { readonly i32: number; readonly v128: number };
  readonly body: Code;
}

const valueTypes = { i32: 0x7f, f32: 0x7d, v128: 0x7b } as const;

/** Encodes a WebAssembly module of these functions that exports them, and its memory as "memory". */
function encodeModule(kernels: readonly Kernel[]): Uint8Array<ArrayBuffer> {
  const types = kernels.map(({ parameters }) => [
    0x60,
    ...list([
      ...Array.from({ length: parameters.i32 }, () => [valueTypes.i32]),
      ...Array.from({ length: parameters.f32 ?? 0 }, () => [valueTypes.f32]),
    ]),
    0,
  ]);
  const exported = kernels.map(({ name }, index) => [...text(name), 0x00, index]);
  const bodies = kernels.map(({ locals, body }) => {
    const groups = [
      [...unsigned(locals.i32), valueTypes.i32],
      [...unsigned(locals.v128), valueTypes.v128],
    ];
    return sized([...list(groups), ...body, 0x0b]);
  });
  const magic = [0x00, 0x61, 0x73, 0x6d];
  const version = [1, 0, 0, 0];
  return Uint8Array.from([
    ...magic,
    ...version,
    ...section(1, types),
    ...section(
      3,
      kernels.map((_, index) => [index]),
    ),
    ...section(5, [[0x00, 0]]),
    ...section(7, [[...text("memory"), 0x02, 0], ...exported]),
    ...section(10, bodies),
  ]);
}

const list = (items: readonly Code[]): number[] => [...unsigned(items.length), ...items.flat()];
const sized = (code: Code): number[] => [...unsigned(code.length), ...code];
const section = (id: number, items: readonly Code[]): number[] => [id, ...sized(list(items))];
const text = (name: string): number[] => sized([...new TextEncoder().encode(name)]);
