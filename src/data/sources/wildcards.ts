import { expand } from "brace-expansion";
import picomatch from "picomatch";
import { DataError } from "../../core/index.ts";
import {
  isUrl,
  seenAt,
  withoutQuery,
  type Entry,
  type ListedEntry,
  type Storage,
  type StorageFor,
} from "../../core/storage/index.ts";
import { sortNaturally } from "../natural-order.ts";
import { isRunFolder } from "./run-folder.ts";

// A thousand times more shards than any data set has.
const maxExpansions = 1_000_000;

/** The alternatives of `{a,b}` and `{000..099}`, as a shell expands them. */
export const expandBraces = (pattern: string): readonly string[] => expand(pattern, { max: maxExpansions });

/** Whether a name holds wildcards; what stands behind a question mark in a URL is no part of it. */
function hasWildcards(name: string): boolean {
  const { isGlob, negated } = picomatch.scan(withoutQuery(name));
  return isGlob || negated;
}

/** A path that an input names. */
export interface InputPath {
  readonly path: string;
  /** What stands there, where that was looked up. */
  readonly entry: Entry | undefined;
}

/**
 * The paths that an input names by braces, each alternative of which has to exist, and by wildcards.
 *
 * @throws DataError `data/no-match` when a wildcard matches nothing, `data/scheme` for a URL that no storage knows
 */
export async function pathsOfPattern(storageFor: StorageFor, input: string): Promise<readonly InputPath[]> {
  const paths: InputPath[] = [];
  for (const pattern of expandBraces(input)) {
    const entry = pattern === input ? undefined : await seenAt(storageFor(pattern), pattern);
    if (entry || !hasWildcards(pattern)) paths.push({ path: pattern, entry });
    else
      for (const path of await matchingFiles(storageFor(pattern), pattern))
        paths.push({ path, entry: undefined });
  }
  return paths;
}

/**
 * The files that a pattern names, in natural order: `*`, `?`, `[a-c]`, `@(a|b)` within a name, `**` for folders of any
 * depth. Hidden names and the folders of runs have to be spelled out; links are followed; folders that cannot be read are passed
 * over.
 *
 * @throws DataError `data/no-match` when there are none; what a store says of a bucket that is not there, or when it does not answer
 */
export async function matchingFiles(storage: Storage, pattern: string): Promise<readonly string[]> {
  const { root, segments } = parsePattern(pattern);
  const found = new Set<string>();
  for await (const path of walk(storage, root, segments, [0], new Set())) found.add(path);
  if (found.size === 0) {
    throw new DataError(
      "data/no-match",
      `no file matches "${pattern}". Check the pattern, and quote it for the shell.`,
    );
  }
  return sortNaturally(found);
}

/** What stands between two slashes of a pattern. */
type Segment =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "wildcard"; readonly matches: (name: string) => boolean }
  /** Two asterisks: any number of folders. */
  | { readonly kind: "folders" };

/** The folder to begin at, "" for that of relative paths, and the names from there on. */
function parsePattern(pattern: string): { readonly root: string; readonly segments: readonly Segment[] } {
  const [prefix] = /^(?:[a-z][a-z0-9+.-]+:)?\/*/i.exec(pattern)!;
  const names: string[] = [];
  for (const name of pattern.slice(prefix.length).split("/")) {
    if (name === "" || name === ".") continue;
    if (name === ".." && names.length > 0 && names.at(-1) !== "..") names.pop();
    else names.push(name);
  }
  const segments = names.map(segmentOf);
  const fixed = segments.findIndex(({ kind }) => kind !== "name");
  return { root: prefix + names.slice(0, fixed).join("/"), segments: segments.slice(fixed) };
}

function segmentOf(name: string): Segment {
  if (name === "**") return { kind: "folders" };
  const isName = !hasWildcards(name) && !name.includes("\\");
  return isName
    ? { kind: "name", name }
    : { kind: "wildcard", matches: picomatch(name, { posix: true, nonegate: true }) };
}

/**
 * Lists each folder once, whatever the pattern.
 *
 * @param reached Positions in `segments` that the folder stands at; several below two asterisks.
 * @param ancestors Identities of the folders above, by which loops of links end.
 */
async function* walk(
  storage: Storage,
  folder: string,
  segments: readonly Segment[],
  reached: readonly number[],
  ancestors: ReadonlySet<string>,
): AsyncGenerator<string> {
  const below = (name: string): string => (folder === "" ? name : storage.join(folder, name));
  // Two asterisks may stand for no folder at all.
  const from = [...new Set(reached.flatMap((i) => (segments[i]!.kind === "folders" ? [i, i + 1] : [i])))];
  const only = from.length === 1 ? segments[from[0]!] : undefined;
  if (only?.kind === "name") {
    yield* enter(below(only.name), await kindAt(storage, below(only.name)), [from[0]! + 1], ancestors);
    return;
  }
  const identity = (await seenAt(storage, folder || "."))?.identity;
  if (identity !== undefined && ancestors.has(identity)) return;
  const inside = identity === undefined ? ancestors : new Set([...ancestors, identity]);
  for (const { name, kind } of await listed(storage, folder || ".")) {
    const next = from.flatMap((i) => after(segments, i, name));
    if (next.length === 0) continue;
    const found = kind === "link" ? await kindAt(storage, below(name)) : kind;
    if (found === "folder" && (await isRunFolder(storage, below(name)))) continue;
    yield* enter(below(name), found, next, inside);
  }

  async function* enter(
    path: string,
    kind: ListedEntry["kind"] | undefined,
    next: readonly number[],
    above: ReadonlySet<string>,
  ): AsyncGenerator<string> {
    if (kind === "file" && next.includes(segments.length)) yield path;
    const further = next.filter((i) => i < segments.length);
    if (kind === "folder" && further.length > 0) yield* walk(storage, path, segments, further, above);
  }
}

/** The positions that a name leads to from one; that behind the last segment is the end. */
function after(segments: readonly Segment[], i: number, name: string): readonly number[] {
  const segment = segments[i];
  if (segment === undefined) return [];
  if (segment.kind !== "folders") {
    const matches = segment.kind === "name" ? segment.name === name : segment.matches(name);
    return matches ? [i + 1] : [];
  }
  if (name.startsWith(".")) return [];
  return i === segments.length - 1 ? [i, i + 1] : [i];
}

async function kindAt(storage: Storage, path: string): Promise<ListedEntry["kind"] | undefined> {
  return (await seenAt(storage, path))?.kind;
}

async function listed(storage: Storage, folder: string): Promise<readonly ListedEntry[]> {
  const entries: ListedEntry[] = [];
  try {
    for await (const entry of storage.list(folder)) entries.push(entry);
  } catch (error) {
    const closed = isUrl(folder) ? ["data/not-found"] : ["data/not-found", "data/permission"];
    if (!(error instanceof DataError && closed.includes(error.code))) throw error;
  }
  return entries;
}
