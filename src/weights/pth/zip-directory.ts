import type { ByteSource } from "../../core/index.ts";
import { readRange, refuse } from "../checkpoint.ts";

/** More entries than any checkpoint has: a bound for archives that are made to exhaust memory. */
const maximumEntries = 100_000;
const centralHeaderSize = 46;
const utf8 = new TextDecoder();

/** A file in a zip. */
export interface StoredEntry {
  readonly name: string;
  readonly size: number;
  /** Where its local header starts. */
  readonly headerOffset: number;
  /** Whether its bytes lie there as they are, which those that are read have to. */
  readonly isStored: boolean;
}

/**
 * Reads the directory of a zip (APPNOTE 6.3.10, sections 4.3.12 to 4.3.16), zip64 included, of which a checkpoint
 * needs stored entries only. Written here because the zip readers of the registry extract by copying streams, and
 * the one tried, zip.js 2.24, mistakes the directory of some PyTorch archives: they carry a zip64 end record
 * without need. Checksums are not verified, since PyTorch lets writers leave them out.
 *
 * @throws WeightsError `weights/invalid-zip`, `weights/truncated`
 */
export async function readZipDirectory(source: ByteSource): Promise<ReadonlyMap<string, StoredEntry>> {
  const { offset, length, count } = await findDirectory(source);
  if (count > maximumEntries || count * centralHeaderSize > length) {
    throw refuse(
      source.name,
      "invalid-zip",
      `its directory of ${length} bytes cannot hold ${count} entries.`,
    );
  }
  const bytes = await readRange(source, offset, length, "the zip directory");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = new Map<string, StoredEntry>();
  let position = 0;
  for (let index = 0; index < count; index++) {
    const left = length - position;
    if (left < centralHeaderSize || view.getUint32(position, true) !== 0x02014b50) {
      throw refuse(source.name, "invalid-zip", `its directory breaks off at entry ${index} of ${count}.`);
    }
    const nameEnd = centralHeaderSize + view.getUint16(position + 28, true);
    const extraEnd = nameEnd + view.getUint16(position + 30, true);
    const end = extraEnd + view.getUint16(position + 32, true);
    if (end > left) throw refuse(source.name, "invalid-zip", `entry ${index} reaches past its directory.`);
    const record = new DataView(view.buffer, view.byteOffset + position, extraEnd);
    const name = utf8.decode(bytes.subarray(position + centralHeaderSize, position + nameEnd));
    if (entries.has(name)) throw refuse(source.name, "invalid-zip", `${name} stands twice.`);
    entries.set(name, storedEntry(name, record, nameEnd));
    position += end;
  }
  return entries;
}

function storedEntry(name: string, record: DataView, extraStart: number): StoredEntry {
  const flags = record.getUint16(8, true);
  const method = record.getUint16(10, true);
  const wide = wideFields(record, extraStart);
  const field = (offset: number): number => {
    const value = record.getUint32(offset, true);
    return value === 0xffffffff ? (wide.shift() ?? value) : value;
  };
  // The order of the zip64 extra field: size, stored size, offset; each only where the short field is full.
  const size = field(24);
  const storedSize = field(20);
  const headerOffset = field(42);
  const isStored = method === 0 && (flags & 1) === 0 && storedSize === size;
  return { name, size, headerOffset, isStored };
}

/** The 64-bit numbers of the zip64 extra field, if there is one. */
function wideFields(record: DataView, extraStart: number): number[] {
  for (let position = extraStart; position + 4 <= record.byteLength;) {
    const length = record.getUint16(position + 2, true);
    const end = Math.min(position + 4 + length, record.byteLength);
    if (record.getUint16(position, true) === 1) {
      return Array.from({ length: Math.floor((end - position - 4) / 8) }, (_, index) =>
        Number(record.getBigUint64(position + 4 + 8 * index, true)),
      );
    }
    position = end;
  }
  return [];
}

/**
 * Where an entry's bytes start: behind its local header, whose length only the header itself tells.
 *
 * @throws WeightsError `weights/compressed-zip`, `weights/invalid-zip`, `weights/truncated`
 */
export async function storedOffset(source: ByteSource, entry: StoredEntry): Promise<number> {
  if (!entry.isStored) {
    throw refuse(
      source.name,
      "compressed-zip",
      `${entry.name} is compressed or encrypted; torch.save stores entries as they are. Unpack it and save the ` +
        `weights again with PyTorch.`,
    );
  }
  const header = await readRange(source, entry.headerOffset, 30, `the header of ${entry.name}`);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.getUint32(0, true) !== 0x04034b50) {
    throw refuse(source.name, "invalid-zip", `${entry.name} has no header at byte ${entry.headerOffset}.`);
  }
  const offset = entry.headerOffset + 30 + view.getUint16(26, true) + view.getUint16(28, true);
  if (offset + entry.size > source.size) {
    throw refuse(source.name, "truncated", `${entry.name} reaches past the file's ${source.size} bytes.`);
  }
  return offset;
}

const endSize = 22;
const locatorSize = 20;
const maximumComment = 0xffff;

/** Where a zip's directory lies. */
interface ZipDirectoryRange {
  readonly offset: number;
  readonly length: number;
  readonly count: number;
}

/** Finds the end record, the last thing in a zip but for a comment, and the zip64 record where it is needed. */
async function findDirectory(source: ByteSource): Promise<ZipDirectoryRange> {
  const tailLength = Math.min(source.size, endSize + maximumComment);
  const tailOffset = source.size - tailLength;
  const tail = await readRange(source, tailOffset, tailLength, "the end of the zip");
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  for (let at = tailLength - endSize; at >= 0; at--) {
    const found = view.getUint32(at, true) === 0x06054b50;
    if (!found || at + endSize + view.getUint16(at + 20, true) !== tailLength) continue;
    const count = view.getUint16(at + 10, true);
    const length = view.getUint32(at + 12, true);
    const offset = view.getUint32(at + 16, true);
    const full = count === 0xffff || length === 0xffffffff || offset === 0xffffffff;
    return full ? readZip64End(source, tailOffset + at) : { offset, length, count };
  }
  throw refuse(
    source.name,
    "invalid-zip",
    "is a zip without an end record: it is damaged or its download was cut short.",
  );
}

async function readZip64End(source: ByteSource, endOffset: number): Promise<ZipDirectoryRange> {
  const locator = await readRange(source, endOffset - locatorSize, locatorSize, "the zip64 locator");
  const locatorView = new DataView(locator.buffer, locator.byteOffset, locator.byteLength);
  const offset = Number(locatorView.getBigUint64(8, true));
  const record = await readRange(source, offset, 56, "the zip64 end record");
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  if (locatorView.getUint32(0, true) !== 0x07064b50 || view.getUint32(0, true) !== 0x06064b50) {
    throw refuse(source.name, "invalid-zip", "needs a zip64 end record, which is not where it should be.");
  }
  return {
    count: Number(view.getBigUint64(32, true)),
    length: Number(view.getBigUint64(40, true)),
    offset: Number(view.getBigUint64(48, true)),
  };
}
