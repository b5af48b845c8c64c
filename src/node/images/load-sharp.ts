import type Sharp from "sharp";
import { nativeLibraryMissing } from "../native-library.ts";

let loaded: Promise<typeof Sharp> | undefined;

/** sharp, which only those who decode and encode images need. @throws SessionError `runtime/native-library` */
export function loadSharp(): Promise<typeof Sharp> {
  return (loaded ??= import("sharp").then(
    (module) => module.default,
    (cause: unknown) => {
      const made = "Linux (glibc and musl), macOS and Windows on x64 and arm64";
      throw nativeLibraryMissing("sharp", made, cause);
    },
  ));
}
