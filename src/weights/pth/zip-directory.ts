import { WeightsError, type ByteSource } from "../../core/index.ts";
import { readRange, refuse } from "../refuse.ts";

/** More entries than any checkpoint has: a bound for archives that are made to exhaust memory. */
const maximumEntries = 100_000;

/** A file in a zip whose bytes lie there as they are. */
export interface StoredEntry {
  readonly name: string;
  readonly size: number;
  /** Where its local header starts. */
  readonly headerOffset: number;
}

/**
 * Reads the directory of a zip, zip64 included. The entries' bytes are then read by offset, without the copies of
 * a streaming extractor; checksums are not verified, since PyTorch lets writers leave them out.
 *
 * @throws WeightsError `weights/invalid-zip`, `weights/compressed-zip`
 */
export async function readZipDirectory(source: ByteSource): Promise<ReadonlyMap<string, StoredEntry>> {
  // Loaded on demand: the other formats do without it.
  const { Reader, ZipReader } = await import("@zip.js/zip.js");
  class SourceReader extends Reader<ByteSource> {
    override size = source.size;
    override readUint8Array(offset: number, length: number): Promise<Uint8Array> {
      return readRange(source, offset, length, "the zip directory");
    }
  }

  const entries = new Map<string, StoredEntry>();
  try {
    for await (const entry of new ZipReader(new SourceReader(source)).getEntriesGenerator()) {
      if (entries.size === maximumEntries || entries.has(entry.filename)) {
        throw refuse(
          source.name,
          "invalid-zip",
          `${entry.filename} stands twice, or there are too many entries.`,
        );
      }
      if (entry.directory) continue;
      if (
        entry.compressionMethod !== 0 ||
        entry.encrypted ||
        entry.compressedSize !== entry.uncompressedSize
      ) {
        throw refuse(
          source.name,
          "compressed-zip",
          `${entry.filename} is compressed or encrypted; torch.save stores entries as they are. Unpack and ` +
            `save the weights again with PyTorch.`,
        );
      }
      entries.set(entry.filename, {
        name: entry.filename,
        size: entry.uncompressedSize,
        headerOffset: entry.offset,
      });
    }
  } catch (cause) {
    if (cause instanceof WeightsError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refuse(source.name, "invalid-zip", `the zip directory cannot be read (${reason}).`, cause);
  }
  return entries;
}

/** Where an entry's bytes start: behind its local header, whose length only the header itself tells. */
export async function storedOffset(source: ByteSource, entry: StoredEntry): Promise<number> {
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
