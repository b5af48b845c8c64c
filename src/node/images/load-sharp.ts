import { createRequire } from "node:module";
import type Sharp from "sharp";
import { nativeLibraryMissing } from "../native-library.ts";

let loaded: typeof Sharp | undefined;

/**
 * sharp, which only those who decode and encode images need. At once: Deno drops what is posted to a worker while its script
 * waits.
 *
 * @throws SessionError `runtime/native-library`
 */
export function loadSharp(): typeof Sharp {
  try {
    return (loaded ??= createRequire(import.meta.url)("sharp") as typeof Sharp);
  } catch (cause) {
    const made = "Linux (glibc and musl), macOS and Windows on x64 and arm64";
    throw nativeLibraryMissing("sharp", made, cause);
  }
}
