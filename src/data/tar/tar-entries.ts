import { DataError, decodeName, type ByteSource } from "../../core/index.ts";

/** A member of a tar archive. */
export interface TarEntry {
  readonly path: string;
  readonly type: "file" | "link" | "directory" | "other";
  /** Offset of the body in the archive, in bytes. */
  readonly offset: number;
  /** Length of the body in bytes. */
  readonly size: number;
}

// Long names and PAX headers: far above any real path, far below what would hurt.
const maxExtensionSize = 1024 * 1024;

const entryTypes: Readonly<Record<string, TarEntry["type"]>> = {
  "0": "file",
  "7": "file",
  "1": "link",
  "2": "link",
  "5": "directory",
};

/**
 * Walks the members of a tar archive: ustar, GNU (long names, sizes of 8 GiB and more) and PAX.
 *
 * While an entry is held, its body may be read from `input`; what is left of it is skipped.
 *
 * @throws DataError for damaged, truncated and sparse archives
 */
export async function* tarEntries(archive: string, input: SequentialBytes): AsyncGenerator<TarEntry> {
  let longPath: string | undefined;
  let pax: ReadonlyMap<string, string> = new Map();

  for (;;) {
    const where = `${archive}, byte ${input.position}`;
    const block = await input.read(tarBlock);
    if (block.byteLength === 0) return;
    if (block.byteLength < tarBlock) throw truncated(where);
    const header = parseTarHeader(block, where);
    if (header === undefined) return;

    if (header.type === "L" || header.type === "x") {
      const body = await extensionBody(input, header, where);
      if (header.type === "x") pax = parsePaxRecords(body, where);
      else longPath = decodeName(body).replace(/\0[^]*$/, "");
      continue;
    }

    const entry = {
      path: pax.get("path") ?? longPath ?? header.path,
      type: entryTypes[header.type] ?? "other",
      offset: input.position,
      size: entrySize(header, pax, where),
    } as const;
    if (header.type === "S" || [...pax.keys()].some((key) => key.startsWith("GNU.sparse."))) {
      throw new DataError(
        "data/tar-sparse",
        `${where}: ${entry.path} is stored as a sparse file, which is not supported. Pack it again without --sparse.`,
      );
    }
    const end = entry.offset + entry.size;
    if (input.size !== undefined && end > input.size) throw truncated(where);
    // Global headers and long link targets name nothing; the records before them hold for what follows.
    if (header.type !== "g" && header.type !== "K") {
      yield entry;
      longPath = undefined;
      pax = new Map();
    }
    await input.skip(padded(end) - input.position);
    if (input.position < end) throw truncated(where);
  }
}

async function extensionBody(input: SequentialBytes, header: TarHeader, where: string): Promise<Uint8Array> {
  if (header.size > maxExtensionSize) {
    throw new DataError(
      "data/tar-header",
      `${where}: an extended header of ${header.size} bytes, at most ${maxExtensionSize} are read. The archive is damaged.`,
    );
  }
  const start = input.position;
  const body = await input.read(header.size);
  if (body.byteLength < header.size) throw truncated(where);
  await input.skip(padded(start + header.size) - input.position);
  return body;
}

function entrySize(header: TarHeader, pax: ReadonlyMap<string, string>, where: string): number {
  // Links and directories have no body; some archivers state the size of their target all the same.
  if ("12345".includes(header.type)) return 0;
  const stated = pax.get("size");
  if (stated === undefined) return header.size;
  const size = /^\d{1,16}$/.test(stated) ? Number(stated) : Number.NaN;
  if (!Number.isSafeInteger(size)) {
    throw new DataError(
      "data/tar-pax",
      `${where}: the PAX size "${stated.slice(0, 40)}" is no number of bytes.`,
    );
  }
  return size;
}

const padded = (end: number): number => Math.ceil(end / tarBlock) * tarBlock;

function truncated(where: string): DataError {
  return new DataError(
    "data/tar-truncated",
    `${where}: the archive ends inside this entry. It is truncated: copy or download it again.`,
  );
}

/** Length of a header and the unit that bodies are padded to, in bytes. */
export const tarBlock = 512;

/** One header block of a tar archive, as POSIX ustar and GNU tar write them. */
interface TarHeader {
  readonly path: string;
  readonly size: number;
  /** The type flag: "0" file, "1" hard link, "2" symbolic link, "5" directory, "L" long name, "x" PAX, ... */
  readonly type: string;
}

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
  return decodeName(end < 0 ? field : field.subarray(0, end));
}

/** The records "LENGTH KEY=VALUE\n" of a PAX extended header. */
function parsePaxRecords(bytes: Uint8Array, where: string): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  let offset = 0;
  while (offset < bytes.byteLength) {
    const space = bytes.indexOf(0x20, offset);
    const digits = space < 0 ? "" : decodeName(bytes.subarray(offset, space));
    const length = /^\d{1,8}$/.test(digits) ? Number(digits) : 0;
    const end = offset + length;
    const equals = bytes.indexOf(0x3d, space);
    if (
      end <= space + 1 ||
      end > bytes.byteLength ||
      bytes[end - 1] !== 0x0a ||
      equals < 0 ||
      equals >= end
    ) {
      throw new DataError(
        "data/tar-pax",
        `${where}: the PAX record at byte ${offset} of the extended header is malformed. The archive is damaged.`,
      );
    }
    records.set(
      decodeName(bytes.subarray(space + 1, equals)),
      decodeName(bytes.subarray(equals + 1, end - 1)),
    );
    offset = end;
  }
  return records;
}

/** Bytes that are read from front to back. */
export interface SequentialBytes {
  /** Offset of the next byte. */
  readonly position: number;
  /** Length of the whole, where it is known beforehand. */
  readonly size: number | undefined;
  /** The next `length` bytes, fewer when the end comes first. */
  read(length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Moves on by `length` bytes, or to the end when that comes first. */
  skip(length: number): Promise<void>;
}

// Holds some forty entries of an archive of thumbnails; for large images one header each.
const windowSize = 32 * 1024;

/** Reads a file front to back through a small window: skipped bytes outside the window are never read. */
export function sequentialSource(source: ByteSource): SequentialBytes {
  let position = 0;
  let start = 0;
  let window = new Uint8Array(0);

  return {
    get position() {
      return position;
    },
    size: source.size,
    async read(length) {
      const end = Math.min(position + length, source.size);
      if (position < start || end > start + window.byteLength) {
        const wanted = Math.min(Math.max(end - position, windowSize), source.size - position);
        window = await source.read(position, wanted);
        start = position;
      }
      const bytes = window.slice(position - start, end - start);
      position = end;
      return bytes;
    },
    skip(length) {
      position = Math.min(position + length, source.size);
      return Promise.resolve();
    },
  };
}

/** Reads a stream front to back; holds no more than one chunk beside what is asked for. */
export function sequentialStream(chunks: AsyncIterable<Uint8Array>): SequentialBytes {
  const iterator = chunks[Symbol.asyncIterator]();
  let position = 0;
  let chunk: Uint8Array = new Uint8Array(0);

  // At most `length` bytes of what is at hand; undefined at the end of the stream.
  const take = async (length: number): Promise<Uint8Array | undefined> => {
    while (chunk.byteLength === 0) {
      const next = await iterator.next();
      if (next.done === true) return undefined;
      chunk = next.value;
    }
    const part = chunk.subarray(0, length);
    chunk = chunk.subarray(part.byteLength);
    position += part.byteLength;
    return part;
  };

  return {
    get position() {
      return position;
    },
    size: undefined,
    async read(length) {
      // Gathered piece by piece: a header may claim more than the stream holds.
      const parts: Uint8Array[] = [];
      let missing = length;
      while (missing > 0) {
        const part = await take(missing);
        if (part === undefined) break;
        parts.push(part);
        missing -= part.byteLength;
      }
      const bytes = new Uint8Array(length - missing);
      let offset = 0;
      for (const part of parts) {
        bytes.set(part, offset);
        offset += part.byteLength;
      }
      return bytes;
    },
    async skip(length) {
      let missing = length;
      while (missing > 0) {
        const part = await take(missing);
        if (part === undefined) return;
        missing -= part.byteLength;
      }
    },
  };
}
