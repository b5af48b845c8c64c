import { isAbsolute } from "node:path";
import { expand } from "brace-expansion";
import { glob, isDynamicPattern } from "tinyglobby";
import { DataError } from "../../core/index.ts";
import { sortNaturally } from "../../data/index.ts";
import { pathExists } from "../path-exists.ts";

// A thousand times more shards than any data set has.
const maxExpansions = 1_000_000;

/**
 * The paths that an input names: itself when it exists, else its braces expanded and its wildcards matched.
 *
 * Each alternative of the braces has to exist, so that a missing shard does not go unnoticed.
 *
 * @throws DataError when a wildcard matches nothing
 */
export async function inputPaths(input: string): Promise<readonly string[]> {
  if (await pathExists(input)) return [input];
  const paths: string[] = [];
  for (const pattern of expand(input, { max: maxExpansions })) {
    if ((await pathExists(pattern)) || !isDynamicPattern(pattern)) paths.push(pattern);
    else paths.push(...(await matches(pattern)));
  }
  return paths;
}

/** The paths that several inputs name, in their order. */
export async function allPaths(inputs: readonly string[]): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const input of inputs) paths.push(...(await inputPaths(input)));
  return paths;
}

async function matches(pattern: string): Promise<readonly string[]> {
  const found = await glob(pattern, {
    expandDirectories: false,
    onlyFiles: true,
    followSymbolicLinks: true,
    absolute: isAbsolute(pattern),
  });
  if (found.length === 0) {
    throw new DataError(
      "data/no-match",
      `no file matches "${pattern}". Check the pattern, and quote it for the shell.`,
    );
  }
  return sortNaturally(found);
}
