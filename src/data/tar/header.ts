import { DataError } from "../../core/index.ts";

/** Length of a header and the unit that bodies are padded to, in bytes. */
export const tarBlock = 512;

/** One header block of a tar archive, as POSIX ustar and GNU tar write them. */
export interface TarHeader {
  readonly path: string;
  readonly size: number;
  /** The type flag: "0" file, "1" hard link, "2" symbolic link, "5" directory, "L" long name, "x" PAX, ... */
  readonly type: string;
}

const text = new TextDecoder();

/** Reads a header block; undefined for the block of zeros that ends an archive. */
export function parseTarHeader(block: Uint8Array, where: string): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  checkSum(block, where);

  const type = block[156] === 0 ? "0" : String.fromCharCode(block[156]!);
  const name = stringField(block, 0, 100);
  // Only POSIX archives have the prefix; GNU's keep time stamps there.
  const isPosix = stringField(block, 257, 6) === "ustar" && block[262] === 0;
  const prefix = isPosix ? stringField(block, 345, 155) : "";
  return {
    path: prefix === "" ? name : `${prefix}/${name}`,
    size: sizeField(block.subarray(124, 136), where),
    // Before ustar, directories were told by the slash alone.
    type: type === "0" && name.endsWith("/") ? "5" : type,
  };
}

function checkSum(block: Uint8Array, where: string): void {
  const stated = octal(block.subarray(148, 156));
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < tarBlock; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : block[i]!;
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  // Some old archivers summed signed bytes.
  if (stated !== unsigned && stated !== signed) {
    throw new DataError(
      "data/tar-header",
      `${where}: expected a tar header, its checksum does not hold. The archive is damaged or is not a plain tar; compressed ones end in .tar.gz or .tgz.`,
    );
  }
}

function sizeField(field: Uint8Array, where: string): number {
  const size = field[0]! & 0x80 ? base256(field) : octal(field);
  if (size === undefined || !Number.isSafeInteger(size)) {
    throw new DataError(
      "data/tar-header",
      `${where}: the size of the entry is no number. The archive is damaged.`,
    );
  }
  return size;
}

function octal(field: Uint8Array): number | undefined {
  const digits = stringField(field, 0, field.byteLength).trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || "0", 8) : undefined;
}

// GNU's form for sizes of 8 GiB and more: big-endian, the first bit set, the second one the sign.
function base256(field: Uint8Array): number | undefined {
  if (field[0]! !== 0x80) return undefined;
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
}

function stringField(block: Uint8Array, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return text.decode(end < 0 ? field : field.subarray(0, end));
}
