import { f32x4, get, i32, i8x16, increase, locals, repeat, set, v128, type Code } from "./instructions.ts";
import { openKernels, type Kernel, type OpenedKernels } from "./open-kernels.ts";

type NormaliseRows = (
  source: number,
  sourceStride: number,
  target: number,
  targetStride: number,
  plane: number,
  constants: number,
  blocks: number,
  rows: number,
) => void;

interface NormaliseKernels {
  readonly normaliseRows: NormaliseRows;
  readonly normaliseMirroredRows: NormaliseRows;
}

/** The kernels that make planes of pixels. */
export const openNormaliser: (bytes: number) => OpenedKernels<NormaliseKernels> = openKernels(() => [
  normaliseRows(),
  normaliseMirroredRows(),
]);

/** Pixels that the kernels take at a time. */
export const blockPixels = 4;
/** Bytes that a kernel may read before the first pixel and past the last, and write past a plane. */
export const slack = 16;

const blockBytes = 3 * blockPixels;
/** A shuffle's number of a zero, where its second operand is zero. */
const zero = 16;

/**
 * Writes rows of RGB pixels to three float32 planes: (byte / 255 - mean) / std, each step rounded to float32.
 *
 * `source` is the first block of the first row; the `constants` are 255, the three means and the three deviations.
 */
const normaliseRows = (): Kernel => toPlanes("normaliseRows", [0, 3, 6, 9], blockBytes);

/** {@link normaliseRows} with left and right swapped: `source` is the last block of the first row. */
const normaliseMirroredRows = (): Kernel => toPlanes("normaliseMirroredRows", [9, 6, 3, 0], -blockBytes);

/**
 * @param pixels Where the pixels of a block begin, in the order in which they are written.
 * @param step Bytes from a block to the next.
 */
function toPlanes(name: string, pixels: readonly number[], step: number): Kernel {
  const l = locals(
    ...([
      "source",
      "sourceStride",
      "target",
      "targetStride",
      "plane",
      "constants",
      "blocks",
      "rows",
    ] as const),
    ...(["block", "from", "to", "bytes"] as const),
  );
  const constant = (index: number): Code => [...get(l.constants), ...v128.load32_splat(4 * index)];
  const channel = (c: number): Code =>
    [
      get(l.to),
      ...Array.from({ length: c }, () => [...get(l.plane), ...i32.add]),
      [...get(l.bytes), ...v128.zero],
      i8x16.shuffle(...pixels.flatMap((pixel) => [pixel + c, zero, zero, zero])),
      f32x4.convert_i32x4_s,
      [...constant(0), ...f32x4.div],
      [...constant(1 + c), ...f32x4.sub],
      [...constant(4 + c), ...f32x4.div],
      v128.store(),
    ].flat();
  const body = repeat(
    l.rows,
    [...get(l.source), ...set(l.from), ...get(l.target), ...set(l.to), ...get(l.blocks), ...set(l.block)],
    repeat(
      l.block,
      [...get(l.from), ...v128.load(), ...set(l.bytes)],
      [...channel(0), ...channel(1), ...channel(2)],
      increase(l.from, i32.const(step)),
      increase(l.to, i32.const(4 * blockPixels)),
    ),
    increase(l.source, get(l.sourceStride)),
    // What the last block wrote past the end of a row is written over by the next row.
    increase(l.target, get(l.targetStride)),
  );
  return { name, parameters: { i32: 8 }, locals: { i32: 3, v128: 1 }, body };
}
