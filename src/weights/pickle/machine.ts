import type { WeightsError } from "../../core/index.ts";
import type { CallContext, PickleValue } from "./values.ts";

/** Turns a persistent id into what it stands for. */
export type PersistentLoad = (id: PickleValue, context: CallContext) => PickleValue;

/** What an opcode can see and change. */
export interface PickleMachine extends CallContext {
  readonly cursor: ByteCursor;
  readonly stack: PickleStack;
  readonly memo: Map<number, PickleValue>;
  /** Names that are not in `globals.ts`, as far as they are noted. */
  readonly unknown: Set<string>;
  readonly persistentLoad: PersistentLoad | undefined;
}

/** One column of the opcode table. */
export type OpcodeRules = Readonly<Record<number, (machine: PickleMachine) => void>>;

/**
 * The pickle opcodes of protocols 2 to 5, by the names of CPython's `pickletools`; EXT1-4, OBJ and the
 * out-of-band buffers are left out, since PyTorch writes none of them.
 */
export const opcodes = {
  MARK: 0x28,
  STOP: 0x2e,
  POP: 0x30,
  POP_MARK: 0x31,
  DUP: 0x32,
  BINFLOAT: 0x47,
  BININT: 0x4a,
  BININT1: 0x4b,
  BININT2: 0x4d,
  NONE: 0x4e,
  BINPERSID: 0x51,
  REDUCE: 0x52,
  BINSTRING: 0x54,
  SHORT_BINSTRING: 0x55,
  BINUNICODE: 0x58,
  EMPTY_LIST: 0x5d,
  APPEND: 0x61,
  BUILD: 0x62,
  GLOBAL: 0x63,
  DICT: 0x64,
  APPENDS: 0x65,
  BINGET: 0x68,
  INST: 0x69,
  LONG_BINGET: 0x6a,
  LIST: 0x6c,
  BINPUT: 0x71,
  LONG_BINPUT: 0x72,
  SETITEM: 0x73,
  TUPLE: 0x74,
  SETITEMS: 0x75,
  EMPTY_DICT: 0x7d,
  EMPTY_TUPLE: 0x29,
  BINBYTES: 0x42,
  SHORT_BINBYTES: 0x43,
  PROTO: 0x80,
  NEWOBJ: 0x81,
  NEWOBJ_EX: 0x92,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
  LONG4: 0x8b,
  SHORT_BINUNICODE: 0x8c,
  BINUNICODE8: 0x8d,
  BINBYTES8: 0x8e,
  EMPTY_SET: 0x8f,
  ADDITEMS: 0x90,
  FROZENSET: 0x91,
  STACK_GLOBAL: 0x93,
  MEMOIZE: 0x94,
  FRAME: 0x95,
  BYTEARRAY8: 0x96,
} as const;

/** The machine's stack with its marks; never reaches below the bottom or across a mark. */
export class PickleStack {
  readonly #values: PickleValue[] = [];
  readonly #marks: number[] = [];
  readonly #refuse: (code: string, message: string) => WeightsError;

  constructor(refuse: (code: string, message: string) => WeightsError) {
    this.#refuse = refuse;
  }

  push(value: PickleValue): void {
    this.#values.push(value);
  }

  pop(): PickleValue {
    const floor = this.#marks.at(-1) ?? 0;
    if (this.#values.length <= floor) throw this.#refuse("invalid-pickle", "the stack is empty.");
    return this.#values.pop()!;
  }

  /** The value on top, which stays. */
  top(): PickleValue {
    const floor = this.#marks.at(-1) ?? 0;
    if (this.#values.length <= floor) throw this.#refuse("invalid-pickle", "the stack is empty.");
    return this.#values.at(-1)!;
  }

  mark(): void {
    this.#marks.push(this.#values.length);
  }

  /** Takes everything above the last mark, and the mark. */
  popMark(): PickleValue[] {
    const start = this.#marks.pop();
    if (start === undefined) throw this.#refuse("invalid-pickle", "there is no mark on the stack.");
    return this.#values.splice(start);
  }

  /** POP: takes the mark where that is what lies on top. */
  discard(): void {
    if (this.#marks.at(-1) === this.#values.length) this.#marks.pop();
    else this.pop();
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the arguments of opcodes; every length is checked against what is left before it is used. */
export class ByteCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #refuse: (code: string, message: string) => WeightsError;
  #position: number;

  constructor(bytes: Uint8Array, start: number, refuse: (code: string, message: string) => WeightsError) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#refuse = refuse;
    this.#position = start;
  }

  get position(): number {
    return this.#position;
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  /** A 64-bit length; beyond 2^53 it is imprecise, and refused all the same by whoever uses it. */
  uint64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  /** Big-endian, as pickle stores floats. */
  float64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  bytes(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  string(length: number): string {
    try {
      return utf8.decode(this.bytes(length));
    } catch (cause) {
      if (cause instanceof TypeError) throw this.#refuse("invalid-pickle", "a string is not valid UTF-8.");
      throw cause;
    }
  }

  /** Little-endian two's complement; a number where it is exact. */
  long(length: number): number | bigint {
    if (length > 255)
      throw this.#refuse("invalid-pickle", `an integer of ${length} bytes; 255 at most are read.`);
    const bytes = this.bytes(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    const signed = BigInt.asIntN(length * 8, value);
    const exact = Number(signed);
    return Number.isSafeInteger(exact) ? exact : signed;
  }

  /** Up to the next line feed, which is left out. */
  line(): string {
    const end = this.#bytes.subarray(this.#position, this.#position + 1024).indexOf(0x0a);
    if (end >= 0) {
      const text = this.string(end);
      this.#position += 1;
      return text;
    }
    if (this.#bytes.byteLength - this.#position < 1024) this.#advance(1024);
    throw this.#refuse("invalid-pickle", "a name of more than 1024 bytes.");
  }

  #advance(length: number): number {
    const left = this.#bytes.byteLength - this.#position;
    if (length > left) {
      throw this.#refuse(
        "truncated",
        `the pickle goes on for at least ${length} bytes where ${left} are left.`,
      );
    }
    const start = this.#position;
    this.#position += length;
    return start;
  }
}
