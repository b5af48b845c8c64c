/** A piece of WebAssembly code in its binary form. */
export type Code = readonly number[];

/** Unsigned LEB128. */
export function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** Signed LEB128. */
function signed(value: number): number[] {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

const simd = (opcode: number, ...immediates: readonly Code[]): number[] => [
  0xfd,
  ...unsigned(opcode),
  ...immediates.flat(),
];

/** An address on the stack, `offset` bytes further; no alignment is promised. */
const at = (offset: number): number[] => [0, ...unsigned(offset)];

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number): Code => [0x21, ...unsigned(local)];

/** Numbers of the parameters and locals of a kernel, in this order. */
export function locals<Name extends string>(...names: readonly Name[]): Readonly<Record<Name, number>> {
  return Object.fromEntries(names.map((name, index) => [name, index])) as Record<Name, number>;
}

/** A local grows by what `amount` leaves on the stack. */
export const increase = (local: number, amount: Code): Code => [
  ...get(local),
  ...amount,
  ...i32.add,
  ...set(local),
];

/** Repeats the body until the local has been lowered to 0; at least once. */
export const repeat = (local: number, ...body: readonly Code[]): Code =>
  [loop, ...body, increase(local, i32.const(-1)), get(local), again, end].flat();

const loop: Code = [0x03, 0x40];
const again: Code = [0x0d, 0];
const end: Code = [0x0b];

/** An instruction that takes its address from the stack. */
type AtOffset = (offset?: number) => Code;

/** The instructions that the kernels use, named as the specification names them. */
export const i32: {
  readonly const: (value: number) => Code;
  readonly load: AtOffset;
  readonly add: Code;
  readonly mul: Code;
} = {
  const: (value) => [0x41, ...signed(value)],
  load: (offset = 0) => [0x28, ...at(offset)],
  add: [0x6a],
  mul: [0x6c],
};

export const v128: {
  readonly load: AtOffset;
  readonly load64_zero: AtOffset;
  readonly load32_splat: AtOffset;
  readonly store: AtOffset;
  readonly store32_lane: (lane: number, offset?: number) => Code;
  readonly store64_lane: (lane: number, offset?: number) => Code;
  readonly zero: Code;
} = {
  load: (offset = 0) => simd(0x00, at(offset)),
  load64_zero: (offset = 0) => simd(0x5d, at(offset)),
  load32_splat: (offset = 0) => simd(0x09, at(offset)),
  store: (offset = 0) => simd(0x0b, at(offset)),
  store32_lane: (lane, offset = 0) => simd(0x5a, at(offset), [lane]),
  store64_lane: (lane, offset = 0) => simd(0x5b, at(offset), [lane]),
  zero: simd(0x0c, Array<number>(16).fill(0)),
};

export const i8x16: {
  /** Lanes of the two operands by number: 0 to 15, and 16 to 31. */
  readonly shuffle: (...lanes: readonly number[]) => Code;
  readonly narrow_i16x8_u: Code;
} = {
  shuffle: (...lanes) => simd(0x0d, lanes),
  narrow_i16x8_u: simd(0x66),
};

export const i16x8: {
  readonly narrow_i32x4_s: Code;
  readonly extend_low_i8x16_u: Code;
  readonly extend_high_i8x16_u: Code;
} = {
  narrow_i32x4_s: simd(0x85),
  extend_low_i8x16_u: simd(0x89),
  extend_high_i8x16_u: simd(0x8a),
};

export const i32x4: {
  readonly splat: Code;
  readonly shl: Code;
  readonly shr_s: Code;
  readonly add: Code;
  readonly sub: Code;
  readonly dot_i16x8_s: Code;
  /** Towards zero. */
  readonly trunc_sat_f32x4_s: Code;
} = {
  splat: simd(0x11),
  shl: simd(0xab),
  shr_s: simd(0xac),
  add: simd(0xae),
  sub: simd(0xb1),
  dot_i16x8_s: simd(0xba),
  trunc_sat_f32x4_s: simd(0xf8),
};

export const f32x4: {
  readonly splat: Code;
  readonly add: Code;
  readonly sub: Code;
  readonly mul: Code;
  readonly div: Code;
  readonly convert_i32x4_s: Code;
} = {
  splat: simd(0x13),
  add: simd(0xe4),
  sub: simd(0xe5),
  mul: simd(0xe6),
  div: simd(0xe7),
  convert_i32x4_s: simd(0xfa),
};
