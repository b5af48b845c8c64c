import type { ByteSource } from "../../core/index.ts";
import { readRange, refuse } from "../refuse.ts";

const endSize = 22;
const locatorSize = 20;
const maximumComment = 0xffff;

/** Where a zip's directory lies. */
export interface ZipDirectoryRange {
  readonly offset: number;
  readonly length: number;
  readonly count: number;
}

/** Finds the end record, the last thing in a zip but for a comment, and the zip64 record where it is needed. */
export async function findDirectory(source: ByteSource): Promise<ZipDirectoryRange> {
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
