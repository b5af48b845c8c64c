import { hexOf, type Sha256 } from "../../core/index.ts";
import type { PartialFile } from "./hub-storage.ts";

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
      return hexOf(new Uint8Array(digest));
    },
  };
}
