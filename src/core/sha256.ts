/** A SHA-256 that takes its bytes piece by piece. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** 64 lower-case hex digits. */
  hex(): Promise<string>;
}

/** The SHA-256 of bytes that are there, as hex digits: in browsers, of pages over HTTPS alone. */
export const sha256Of = async (bytes: BufferSource): Promise<string> =>
  hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));

/** Bytes as lower-case hex digits. */
export const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
