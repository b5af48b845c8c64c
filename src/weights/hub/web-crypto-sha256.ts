import type { Sha256 } from "./hub-storage.ts";

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
