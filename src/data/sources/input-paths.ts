import type { Entry, StorageFor } from "../../core/storage/index.ts";

/** A path that an input names. */
export interface InputPath {
  readonly path: string;
  /** What stands there, where that was looked up. */
  readonly entry: Entry | undefined;
}

/**
 * The paths that an input names: itself when it exists, else its braces expanded and its wildcards matched.
 *
 * Each alternative of the braces has to exist, so that a missing shard does not go unnoticed.
 *
 * @throws DataError `data/no-match` when a wildcard matches nothing, `data/scheme` for a URL that no storage knows
 */
export async function pathsOfInput(storageFor: StorageFor, input: string): Promise<readonly InputPath[]> {
  const itself = await lookUp(storageFor, input);
  if (itself) return [{ path: input, entry: itself }];
  // Most inputs are plain names: the libraries for patterns are loaded for others.
  if (!/[*?!{}()[\]]/.test(input)) return [{ path: input, entry: undefined }];
  const { expandBraces, hasWildcards, matchingFiles } = await import("./wildcards.ts");
  const paths: InputPath[] = [];
  for (const pattern of expandBraces(input)) {
    const entry = pattern === input ? undefined : await lookUp(storageFor, pattern);
    if (entry || !hasWildcards(pattern)) paths.push({ path: pattern, entry });
    else
      for (const path of await matchingFiles(storageFor(pattern), pattern))
        paths.push({ path, entry: undefined });
  }
  return paths;
}

/** The paths that several inputs name, in their order. @throws as `pathsOfInput` does */
export async function pathsOfInputs(
  storageFor: StorageFor,
  inputs: readonly string[],
): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const input of inputs) for (const { path } of await pathsOfInput(storageFor, input)) paths.push(path);
  return paths;
}

/** What stands at a path, as far as it can be seen. */
function lookUp(storageFor: StorageFor, path: string): Promise<Entry | undefined> {
  return storageFor(path)
    .stat(path)
    .catch(() => undefined);
}
