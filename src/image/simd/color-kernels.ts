import {
  f32x4,
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

interface ColorKernels {
  readonly sumGreys: (pixels: number, blocks: number, sums: number) => void;
  readonly blendWithGround: (pixels: number, blocks: number, ground: number, factor: number) => void;
  readonly blendWithGrey: (pixels: number, blocks: number, factor: number) => void;
}

/** The kernels that change colours. */
export const openRecolorer: (bytes: number) => OpenedKernels<ColorKernels> = openKernels(() => [
  sumGreys(),
  blendWithGround(),
  blendWithGrey(),
]);

/** Pixels that the kernels take at a time. */
export const blockPixels = 4;
/** Bytes that a kernel may read past the last block. */
export const slack = 16;

/** Pillow's conversion to grey (ITU-R 601-2 luma in 16 fractional bits): the sum, shifted right by 16. */
const greyWeights = { red: 19595, green: 38470, blue: 7471, half: 0x8000 } as const;

const blockBytes = 3 * blockPixels;
/** A shuffle's number of a zero, where its second operand is zero. */
const zero = 16;

/** Leaves the greys of the block in `pixels`. */
function greys(pixels: number): Code {
  // Two channels of each pixel as neighbouring 16-bit numbers. Green's weight does not fit 16 bits with a sign: half of
  // it goes with red, half with blue.
  const channels = (first: number, second: number): Code =>
    i8x16.shuffle(...[0, 3, 6, 9].flatMap((pixel) => [pixel + first, zero, pixel + second, zero]));
  const weighted = (first: number, second: number): Code => [
    ...i32.const(first | (second << 16)),
    ...i32x4.splat,
    ...i32x4.dot_i16x8_s,
  ];
  const { red, green, blue, half } = greyWeights;
  return [
    [...get(pixels), ...v128.zero, ...channels(0, 1), ...weighted(red, green / 2)],
    [...get(pixels), ...v128.zero, ...channels(1, 2), ...weighted(green / 2, blue)],
    i32x4.add,
    [...i32.const(half), ...i32x4.splat, ...i32x4.add, ...i32.const(16), ...i32x4.shr_s],
  ].flat();
}

/** Adds up the greys of blocks of pixels, in four sums of 32 bits that it writes to `sums`. */
function sumGreys(): Kernel {
  const l = locals("pixels", "blocks", "sums", "block", "sum");
  const body = [
    repeat(
      l.blocks,
      [...get(l.pixels), ...v128.load(), ...set(l.block)],
      [...get(l.sum), ...greys(l.block), ...i32x4.add, ...set(l.sum)],
      increase(l.pixels, i32.const(blockBytes)),
    ),
    [...get(l.sums), ...get(l.sum), ...v128.store()],
  ].flat();
  return { name: "sumGreys", parameters: { i32: 3 }, locals: { i32: 0, v128: 2 }, body };
}

/** Pillow's `Image.blend` of every byte with one ground, in place, in float32. */
function blendWithGround(): Kernel {
  const l = locals("pixels", "blocks", "ground", "factor", "block", "grounds", "factors");
  const body = [
    [...get(l.ground), ...i32x4.splat, ...set(l.grounds)],
    [...get(l.factor), ...f32x4.splat, ...set(l.factors)],
    repeat(
      l.blocks,
      [...get(l.pixels), ...v128.load(), ...set(l.block)],
      blended(l, () => get(l.grounds)),
      increase(l.pixels, i32.const(blockBytes)),
    ),
  ].flat();
  return { name: "blendWithGround", parameters: { i32: 3, f32: 1 }, locals: { i32: 0, v128: 3 }, body };
}

/** Pillow's `Image.blend` of every pixel with its grey, in place, in float32. */
function blendWithGrey(): Kernel {
  const l = locals("pixels", "blocks", "factor", "block", "grounds", "factors");
  const greyOfEach = (bytes: readonly number[]): Code => {
    const lanes = bytes.map((byte) => 4 * Math.floor(byte / 3));
    return [
      ...get(l.grounds),
      ...get(l.grounds),
      ...i8x16.shuffle(...lanes.flatMap((lane) => [lane, lane + 1, lane + 2, lane + 3])),
    ];
  };
  const body = [
    [...get(l.factor), ...f32x4.splat, ...set(l.factors)],
    repeat(
      l.blocks,
      [...get(l.pixels), ...v128.load(), ...set(l.block)],
      [...greys(l.block), ...set(l.grounds)],
      blended(l, greyOfEach),
      increase(l.pixels, i32.const(blockBytes)),
    ),
  ].flat();
  return { name: "blendWithGrey", parameters: { i32: 2, f32: 1 }, locals: { i32: 0, v128: 3 }, body };
}

/**
 * Writes ground + factor · (byte - ground) for the bytes of a block, truncated and clipped.
 *
 * @param groundOf Leaves the grounds of four bytes.
 */
function blended(
  l: Readonly<Record<"pixels" | "block" | "factors", number>>,
  groundOf: (bytes: readonly number[]) => Code,
): Code {
  const four = (first: number): Code => {
    const bytes = [first, first + 1, first + 2, first + 3];
    const ground = groundOf(bytes);
    const extended = i8x16.shuffle(...bytes.flatMap((byte) => [byte, zero, zero, zero]));
    return [
      [...ground, ...f32x4.convert_i32x4_s],
      [...get(l.block), ...v128.zero, ...extended, ...ground, ...i32x4.sub, ...f32x4.convert_i32x4_s],
      [...get(l.factors), ...f32x4.mul, ...f32x4.add, ...i32x4.trunc_sat_f32x4_s],
    ].flat();
  };
  return [
    [...four(0), ...four(4), ...i16x8.narrow_i32x4_s],
    [...four(8), ...v128.zero, ...i16x8.narrow_i32x4_s],
    [...i8x16.narrow_i16x8_u, ...set(l.block)],
    // The four bytes behind them belong to the next block.
    [...get(l.pixels), ...get(l.block), ...v128.store64_lane(0)],
    [...get(l.pixels), ...get(l.block), ...v128.store32_lane(2, 8)],
  ].flat();
}
