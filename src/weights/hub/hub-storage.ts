import type { ByteSource } from "../../core/index.ts";

/** The cache that the hub downloads into: a folder in Node, the origin's private files in a browser. */
export interface HubStorage {
  /** Where a file stands or would stand, as a path that people can use. */
  locate(file: string): string;
  /** Length in bytes of a finished file, or undefined when it is not there. */
  size(file: string): Promise<number | undefined>;
  /** The names of all finished files. */
  list(): Promise<readonly string[]>;
  /** Opens the partial file of a download for one writer at a time; waits while another one holds it. */
  claim(file: string, options: ClaimOptions): Promise<PartialFile>;
  /** True the first time it is called with this note, ever; false afterwards. */
  firstTime(note: string): Promise<boolean>;
}

export interface ClaimOptions {
  /** Ends the wait for another writer. */
  readonly signal: AbortSignal | undefined;
  /** Called once when another writer holds the file. */
  readonly onWait: () => void;
}

/** The unfinished bytes of a download. */
export interface PartialFile extends ByteSource {
  /** What `describe` stored last: where the bytes came from. */
  readonly description: string | undefined;
  /** Stores a line of text beside the bytes. */
  describe(text: string): Promise<void>;
  append(bytes: Uint8Array): Promise<void>;
  /** Drops the bytes and their description; the file stays claimed. */
  clear(): Promise<void>;
  /** Makes the bytes the finished file, atomically. */
  commit(): Promise<void>;
  /** Lets the next writer in; what was neither committed nor cleared stays for a later resume. */
  release(): Promise<void>;
}

/** A SHA-256 that takes its bytes piece by piece. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** 64 lower-case hex digits. */
  hex(): Promise<string>;
}

const blockSize = 1 << 20;

/** A partial file whose SHA-256 grows with it, so that the finished file is not read again. */
export interface HashedPartial {
  readonly file: PartialFile;
  /** Attempts that brought bytes; more than one means the file was pieced together. */
  readonly pieces: number;
  append(bytes: Uint8Array, firstOfPiece: boolean): Promise<void>;
  clear(): Promise<void>;
  sha256(): Promise<string>;
}

/** Hashes what an earlier run left, then goes on from there. */
export async function hashPartial(
  file: PartialFile,
  createHash: () => Sha256,
  signal: AbortSignal | undefined,
): Promise<HashedPartial> {
  let hash = createHash();
  let pieces = file.size > 0 ? 1 : 0;
  for (let offset = 0; offset < file.size; offset += blockSize) {
    signal?.throwIfAborted();
    hash.update(await file.read(offset, Math.min(blockSize, file.size - offset)));
  }
  return {
    file,
    get pieces() {
      return pieces;
    },
    async append(bytes, firstOfPiece) {
      await file.append(bytes);
      hash.update(bytes);
      if (firstOfPiece) pieces += 1;
    },
    async clear() {
      await file.clear();
      hash = createHash();
      pieces = 0;
    },
    sha256: () => hash.hex(),
  };
}

/**
 * SHA-256 by Web Crypto.
 *
 * Web Crypto digests one buffer at a time, so the pieces are kept until the end: where the platform has
 * an incremental hash, as Node does, hand that to the hub instead.
 */
export function webCryptoSha256(): Sha256 {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  return {
    update: (bytes) => void pieces.push(new Uint8Array(bytes)),
    async hex() {
      const digest = await crypto.subtle.digest("SHA-256", await new Blob(pieces).arrayBuffer());
      return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
    },
  };
}
