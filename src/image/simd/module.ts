import { unsigned, type Code } from "./instructions.ts";

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
export function encodeModule(kernels: readonly Kernel[]): Uint8Array<ArrayBuffer> {
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
