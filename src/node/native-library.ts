import { SessionError } from "../core/index.ts";

/**
 * The error for a package with native code that cannot be loaded here: not installed, or not made for this system.
 *
 * @param made What its makers have builds for.
 */
export function nativeLibraryMissing(name: string, made: string, cause: unknown): SessionError {
  const said = cause instanceof Error ? cause.message : String(cause);
  // The first line says why; what follows are stacks of requires, and advice for other systems.
  const reason = said.split("\n")[0]!.replace(/[.:]$/, "");
  return new SessionError(
    "runtime/native-library",
    `${name} cannot be loaded on this system, ${systemName()} (${reason}). There are builds of it for ${made}; ` +
      "install this package again on the system that runs it, with its optional dependencies.",
    { cause },
  );
}

/** `linux x64 with musl, Node 20.20.2`. */
function systemName(): string {
  const { platform, arch, versions } = process;
  return `${platform} ${arch}${platform === "linux" ? ` with ${libc()}` : ""}, Node ${versions.node}`;
}

/** The C library of a Linux, on which native code depends. */
function libc(): string {
  const { header } = process.report.getReport() as { readonly header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined ? "musl" : `glibc ${header.glibcVersionRuntime}`;
}
