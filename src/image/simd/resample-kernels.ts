import { lowBits, precisionBits } from "../resample-table.ts";
import {
  get,
  i16x8,
  i32,
  i32x4,
  i8x16,
  increase,
  locals,
  repeat,
  set,
  v128,
  type Code,
} from "./instructions.ts";
import { openKernels, type Kernel, type OpenedKernels } from "./open-kernels.ts";

interface ResampleKernels {
  readonly alongRows: (
    source: number,
    sourceStride: number,
    target: number,
    targetStride: number,
    table: number,
    count: number,
    pairs: number,
    lines: number,
  ) => void;
  readonly alongColumns: (
    source: number,
    stride: number,
    target: number,
    table: number,
    tableStride: number,
    blocks: number,
    pairs: number,
    lines: number,
  ) => void;
}

/** The kernels of a resize. */
export const openResampler: (bytes: number) => OpenedKernels<ResampleKernels> = openKernels(() => [
  alongRows(),
  alongColumns(),
]);

/** Bytes that a kernel may read, or write, past the last pixel. */
export const slack = 32;

const half = 1 << (precisionBits - 1);

/** (high · 2^11 + low + half) >> precisionBits in each lane. */
function rounded(high: number, low: number): Code {
  const sum = [get(high), i32.const(lowBits), i32x4.shl, get(low), i32x4.add];
  const round = [i32.const(half), i32x4.splat, i32x4.add, i32.const(precisionBits), i32x4.shr_s];
  return [...sum, ...round].flat();
}

/** accumulator += products of neighbouring 16-bit lanes of pixels and weights, in pairs. */
const accumulate = (accumulator: number, pixels: number, weights: number): Code =>
  [get(accumulator), get(pixels), get(weights), i32x4.dot_i16x8_s, i32x4.add, set(accumulator)].flat();

const clear = (...accumulators: readonly number[]): Code =>
  accumulators.flatMap((local) => [...v128.zero, ...set(local)]);

/**
 * Resamples along rows of RGB pixels. The table holds for each output pixel its first source pixel, and for each pair of
 * taps the high parts of the two weights and the low parts.
 */
function alongRows(): Kernel {
  const l = locals(
    ...(["source", "sourceStride", "target", "targetStride", "table", "count", "pairs", "lines"] as const),
    ...(["entry", "pixel", "pair", "from", "to"] as const),
    ...(["taps", "high", "low", "weights"] as const),
  );
  // Two pixels side by side: red with red, green with green, blue with blue, as 16-bit numbers; 16 is a zero.
  const pairUp = i8x16.shuffle(0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16, 16, 16);
  const body = repeat(
    l.lines,
    [...get(l.table), ...set(l.entry), ...get(l.target), ...set(l.to), ...get(l.count), ...set(l.pixel)],
    repeat(
      l.pixel,
      [
        ...get(l.source),
        ...get(l.entry),
        ...i32.load(),
        ...i32.const(3),
        ...i32.mul,
        ...i32.add,
        ...set(l.from),
      ],
      increase(l.entry, i32.const(4)),
      clear(l.high, l.low),
      [...get(l.pairs), ...set(l.pair)],
      repeat(
        l.pair,
        [...get(l.from), ...v128.load64_zero(), ...v128.zero, ...pairUp, ...set(l.taps)],
        [...get(l.entry), ...v128.load32_splat(), ...set(l.weights)],
        accumulate(l.high, l.taps, l.weights),
        [...get(l.entry), ...v128.load32_splat(4), ...set(l.weights)],
        accumulate(l.low, l.taps, l.weights),
        increase(l.from, i32.const(6)),
        increase(l.entry, i32.const(8)),
      ),
      // The fourth byte is written over by the next pixel.
      [...get(l.to), ...rounded(l.high, l.low), ...get(l.high), ...i16x8.narrow_i32x4_s, ...get(l.high)],
      [...i8x16.narrow_i16x8_u, ...v128.store32_lane(0)],
      increase(l.to, i32.const(3)),
    ),
    increase(l.source, get(l.sourceStride)),
    increase(l.target, get(l.targetStride)),
  );
  return { name: "alongRows", parameters: { i32: 8 }, locals: { i32: 5, v128: 4 }, body };
}

/**
 * Resamples along columns, 16 bytes of a row at a time. The table is that of {@link alongRows}, for rows.
 */
function alongColumns(): Kernel {
  const l = locals(
    ...(["source", "stride", "target", "table", "tableStride", "blocks", "pairs", "lines"] as const),
    ...(["entry", "block", "pair", "from", "to", "column"] as const),
    ...(["upper", "lower", "mixed", "taps", "highWeights", "lowWeights"] as const),
    ...(["high0", "high1", "high2", "high3", "low0", "low1", "low2", "low3"] as const),
  );
  const high = [l.high0, l.high1, l.high2, l.high3];
  const low = [l.low0, l.low1, l.low2, l.low3];
  // Bytes of the two rows by turns.
  const interleave = {
    first: i8x16.shuffle(...Array.from({ length: 16 }, (_, i) => (i >> 1) + 16 * (i & 1))),
    last: i8x16.shuffle(...Array.from({ length: 16 }, (_, i) => 8 + (i >> 1) + 16 * (i & 1))),
  };
  const quarter = (index: number): Code => {
    const extend = index % 2 === 0 ? i16x8.extend_low_i8x16_u : i16x8.extend_high_i8x16_u;
    return [
      ...get(l.mixed),
      ...extend,
      ...set(l.taps),
      ...accumulate(high[index]!, l.taps, l.highWeights),
      ...accumulate(low[index]!, l.taps, l.lowWeights),
    ];
  };
  const bothRows = (order: Code): Code => [...get(l.upper), ...get(l.lower), ...order, ...set(l.mixed)];
  const body = repeat(
    l.lines,
    [
      ...get(l.source),
      ...get(l.table),
      ...i32.load(),
      ...get(l.stride),
      ...i32.mul,
      ...i32.add,
      ...set(l.column),
    ],
    [...get(l.target), ...set(l.to), ...get(l.blocks), ...set(l.block)],
    repeat(
      l.block,
      [...get(l.column), ...set(l.from), ...get(l.table), ...set(l.entry), ...get(l.pairs), ...set(l.pair)],
      clear(...high, ...low),
      repeat(
        l.pair,
        [...get(l.from), ...v128.load(), ...set(l.upper)],
        [...get(l.from), ...get(l.stride), ...i32.add, ...v128.load(), ...set(l.lower)],
        [...get(l.entry), ...v128.load32_splat(4), ...set(l.highWeights)],
        [...get(l.entry), ...v128.load32_splat(8), ...set(l.lowWeights)],
        [...bothRows(interleave.first), ...quarter(0), ...quarter(1)],
        [...bothRows(interleave.last), ...quarter(2), ...quarter(3)],
        increase(l.from, get(l.stride)),
        increase(l.from, get(l.stride)),
        increase(l.entry, i32.const(8)),
      ),
      get(l.to),
      [...rounded(high[0]!, low[0]!), ...rounded(high[1]!, low[1]!), ...i16x8.narrow_i32x4_s],
      [...rounded(high[2]!, low[2]!), ...rounded(high[3]!, low[3]!), ...i16x8.narrow_i32x4_s],
      [...i8x16.narrow_i16x8_u, ...v128.store()],
      increase(l.to, i32.const(16)),
      increase(l.column, i32.const(16)),
    ),
    // Bytes past the end of a row are written over by the next row.
    increase(l.target, get(l.stride)),
    increase(l.table, get(l.tableStride)),
  );
  return { name: "alongColumns", parameters: { i32: 8 }, locals: { i32: 6, v128: 14 }, body };
}
