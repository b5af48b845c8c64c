import { DataError } from "../../core/index.ts";
import { parseTarHeader, tarBlock, type TarHeader } from "./header.ts";
import { parsePaxRecords } from "./pax.ts";
import type { SequentialBytes } from "./sequential-bytes.ts";

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
      else longPath = new TextDecoder().decode(body).replace(/\0[^]*$/, "");
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
