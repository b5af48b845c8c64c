import type { WeightsError } from "../../core/index.ts";

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
