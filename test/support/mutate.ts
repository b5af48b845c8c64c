import type { Random } from "../../src/core/index.ts";
import { concatenate } from "./pth-writer.ts";

/** Values that break length and offset fields. */
const extremes: readonly bigint[] = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  2n ** 53n,
  2n ** 64n - 1n,
];

/** Damages bytes in one to six places: flipped bits, extreme numbers, ranges cut out, repeated or moved. */
export function mutate(original: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  let bytes = new Uint8Array(original);
  const edits = 1 + random.integer(6);
  for (let edit = 0; edit < edits && bytes.length > 0; edit++) {
    const at = random.integer(bytes.length);
    const length = 1 + random.integer(Math.min(32, bytes.length - at));
    const part = bytes.subarray(at, at + length);
    const before = bytes.subarray(0, at);
    const after = bytes.subarray(at + length);
    switch (random.integer(8)) {
      case 0:
        bytes[at]! ^= 1 << random.integer(8);
        break;
      case 1:
        bytes[at] = random.integer(256);
        break;
      case 2: {
        const field = new Uint8Array(BigUint64Array.of(extremes[random.integer(extremes.length)]!).buffer);
        bytes.set(field.subarray(0, Math.min(2 ** random.integer(4), bytes.length - at)), at);
        break;
      }
      case 3:
        bytes = concatenate([before, after]);
        break;
      case 4:
        bytes = concatenate([before, part, part, after]);
        break;
      case 5:
        bytes = concatenate([before, ...Array.from({ length: 200 }, () => part), after]);
        break;
      case 6:
        bytes.copyWithin(random.integer(bytes.length), at, at + length);
        break;
      default:
        // Cuts are rare: they all end the same way.
        if (random.integer(4) === 0) bytes = bytes.slice(0, at);
    }
  }
  return bytes;
}
