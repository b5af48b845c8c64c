import type { SslResnextError } from "../../core/index.ts";

/**
 * Whether an error says that an image itself cannot be used, now and later; a file that cannot be read or memory that
 * runs out says nothing of the image.
 */
export const isBrokenImage = ({ code }: SslResnextError): boolean =>
  code.startsWith("image/") || code === "runtime/worker-crashed";
