import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ScoreFacts } from "../../semi/index.ts";
import { fileError } from "../file-error.ts";
import { jsonHash } from "./json-hash.ts";
import { readScoreFacts } from "./read-score-facts.ts";
import { referencesName } from "./score-files.ts";
import { sharedClasses } from "./shared-classes.ts";

/** What makes two score files hold the same rows. */
export type ScoreOrigin = Pick<ScoreFacts, "teacher" | "classes" | "shard" | "p" | "exif">;

/**
 * Brings score files that stand to the names that they are wanted under, since numbers shift when a shard comes or
 * goes, and removes the others.
 *
 * @returns what the files that are left say of themselves, by name.
 */
export async function arrangeScores(
  folder: string,
  wanted: ReadonlyMap<string, ScoreOrigin>,
): Promise<ReadonlyMap<string, ScoreFacts>> {
  try {
    const standing = await standingScores(folder);
    const places = placesFor(standing, wanted);
    for (const name of standing.keys()) if (!places.has(name)) await rm(join(folder, name));
    const moved = [...places].filter(([from, to]) => from !== to);
    // In two steps, as one may stand where another is to go. A name of the first step is found again after a kill.
    for (const [from, to] of moved) await rename(join(folder, from), join(folder, `moved-${to}`));
    for (const [, to] of moved) await rename(join(folder, `moved-${to}`), join(folder, to));
    return new Map([...places].map(([from, to]) => [to, standing.get(from)!]));
  } catch (cause) {
    throw fileError(folder, cause);
  }
}

/** Files that cannot be read count as files of no shard. */
async function standingScores(folder: string): Promise<ReadonlyMap<string, ScoreFacts | undefined>> {
  const names = await readdir(folder);
  const shared = sharedClasses();
  const found = new Map<string, ScoreFacts | undefined>();
  for (const name of names.sort()) {
    if (!name.endsWith(".parquet") || name === referencesName) continue;
    found.set(name, await readScoreFacts(join(folder, name)).then(shared, () => undefined));
  }
  return found;
}

/** Where each file that is still right goes. */
function placesFor(
  standing: ReadonlyMap<string, ScoreFacts | undefined>,
  wanted: ReadonlyMap<string, ScoreOrigin>,
): ReadonlyMap<string, string> {
  const free = new Map([...wanted].map(([name, origin]) => [name, originKey(origin)]));
  const namesOf = new Map<string, string[]>();
  for (const [name, key] of [...free].toReversed()) namesOf.set(key, [...(namesOf.get(key) ?? []), name]);
  const places = new Map<string, string>();
  const take = (from: string, to: string): void => {
    places.set(from, to);
    free.delete(to);
  };
  const keys = new Map([...standing].map(([name, facts]) => [name, facts && originKey(facts)]));
  for (const [name, key] of keys) if (key !== undefined && free.get(name) === key) take(name, name);
  for (const [name, key] of keys) {
    if (places.has(name)) continue;
    const names = (key === undefined ? undefined : namesOf.get(key)) ?? [];
    while (names.length > 0 && !free.has(names.at(-1)!)) names.pop();
    const to = names.at(-1);
    if (to !== undefined) take(name, to);
  }
  return places;
}

const originKey = ({ teacher, classes, shard, p, exif }: ScoreOrigin): string =>
  jsonHash([teacher.sha256, classes, shard.path, shard.sha256, shard.from, shard.to, p, exif]);
