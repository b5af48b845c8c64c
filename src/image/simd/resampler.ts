import { encodeModule } from "./module.ts";
import { alongColumns, alongRows } from "./resample-kernels.ts";

/** The kernels over a memory of their own; all positions are in bytes. */
export interface Resampler {
  /** The memory, at least of this many bytes; it moves when it grows. */
  memory(bytes: number): Uint8Array;
  alongRows(
    source: number,
    sourceStride: number,
    target: number,
    targetStride: number,
    table: number,
    count: number,
    pairs: number,
    lines: number,
  ): void;
  alongColumns(
    source: number,
    stride: number,
    target: number,
    table: number,
    tableStride: number,
    blocks: number,
    pairs: number,
    lines: number,
  ): void;
}

const pageBytes = 1 << 16;

let compiled: WebAssembly.Module | undefined;

/** New kernels with an empty memory. */
export function openResampler(): Resampler {
  compiled ??= new WebAssembly.Module(encodeModule([alongRows(), alongColumns()]));
  const exported = new WebAssembly.Instance(compiled).exports as {
    readonly memory: WebAssembly.Memory;
  } & Pick<Resampler, "alongRows" | "alongColumns">;
  let bytes = new Uint8Array(exported.memory.buffer);
  return {
    memory(length) {
      if (length > bytes.length) {
        exported.memory.grow(Math.ceil((length - bytes.length) / pageBytes));
        bytes = new Uint8Array(exported.memory.buffer);
      }
      return bytes;
    },
    alongRows: exported.alongRows,
    alongColumns: exported.alongColumns,
  };
}
