import { DataError, sha256Of, UsageError } from "../../core/index.ts";
import { baseName, type Storage, type StorageFor } from "../../core/storage/index.ts";
import { textHash } from "../fingerprints.ts";
import { openTableWriter, readTableMetadata, tableWriterName, type TableWriter } from "../parquet-table.ts";
import type { SemiPlatform } from "../platform.ts";
import type { Manifest } from "../stages/manifest.ts";
import {
  referenceColumns,
  scoreColumns,
  saidOfRowsSchema,
  scoreFactsKey,
  scoreFactsSchema,
  scoreRowsKey,
  type ReferenceRow,
  type SaidOfRows,
  type ScoreFacts,
  type ScoreRow,
} from "../tables.ts";
import { absolutePath } from "../settings/absolute-paths.ts";
import {
  addEncoded,
  encodeCounts,
  noCounts,
  scoreCounter,
  type ScoreCounter,
  type ScoredRows,
} from "./score-counts.ts";

/** A score file and what it says of itself. */
interface ScoreFile {
  readonly path: string;
  readonly facts: ScoreFacts;
}

/** Name of the table of hashes among the score files. */
export const referencesName = "references.parquet";

/** The names of the score files in a folder, in the order of the shards. */
export async function scoreFileNames(storage: Storage, folder: string): Promise<readonly string[]> {
  return (await namesIn(storage, folder)).filter((name) => /^\d+-.*\.parquet$/.test(name));
}

async function namesIn(storage: Storage, folder: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of storage.list(folder)) names.push(name);
  return names.sort();
}

/** The score files of a folder in the order of the shards. */
export async function readScores(storage: Storage, folder: string): Promise<readonly ScoreFile[]> {
  const files: ScoreFile[] = [];
  const shared = sharedClasses();
  for (const name of await scoreFileNames(storage, folder)) {
    const path = storage.join(folder, name);
    files.push({ path, facts: shared(await readScoreFacts(storage, path)) });
  }
  return files;
}

/**
 * What a score file says of itself.
 *
 * @throws DataError `semi/table` when it is no Parquet table with the columns of a score file, or `semi/scores` when
 *   it does not say what it is; as `Storage.open` does when it cannot be opened
 */
export async function readScoreFacts(storage: Storage, path: string): Promise<ScoreFacts> {
  return factsOf(path, await readTableMetadata(storage, path, scoreColumns));
}

type TableMetadata = Awaited<ReturnType<typeof readTableMetadata>>;

const valueOf = ({ key_value_metadata }: TableMetadata, wanted: string): string | undefined =>
  key_value_metadata?.find(({ key }) => key === wanted)?.value;

function factsOf(path: string, metadata: TableMetadata): ScoreFacts {
  const text = valueOf(metadata, scoreFactsKey);
  const facts = scoreFactsSchema.safeParse(parseJson(text));
  if (facts.success) return facts.data;
  const what = text === undefined ? "none" : facts.error.issues[0]!.message;
  throw new DataError(
    "semi/scores",
    `${path}: expected the facts of a score file under "${scoreFactsKey}" in its metadata, received ${what}. Score the shard again.`,
  );
}

/** What a writer says of rows. @param writer As `TableWriter` has it. */
export async function saidOfRows(writer: string, digest: string, counts: string): Promise<SaidOfRows> {
  const check = (await sha256Of(new TextEncoder().encode(digest + counts))).slice(0, 16);
  return { writer, digest, counts, check };
}

/**
 * The same as it stands in a file; undefined where there are no rows, it is damaged, or another program has written the table again, as
 * earlier versions did not say it.
 */
async function saidOf(metadata: TableMetadata): Promise<SaidOfRows | undefined> {
  if (metadata.num_rows === 0n) return undefined;
  const { data } = saidOfRowsSchema.safeParse(parseJson(valueOf(metadata, scoreRowsKey)));
  if (data === undefined || data.writer !== metadata.created_by) return undefined;
  const { writer, digest, counts, check } = data;
  return check === (await saidOfRows(writer, digest, counts)).check ? data : undefined;
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A score file under way, which appears at its path when it is closed. */
export interface ScoreWriter {
  /** Takes rows in the order of the file: by position, then rank. */
  write(rows: Iterable<ScoreRow>): Promise<void>;
  /** Completes the file with what is known at its end. */
  close(facts: ScoreFacts): Promise<void>;
  /** Removes what was written; an earlier file stays as it was. */
  abort(): Promise<void>;
}

/**
 * Begins a score file.
 *
 * @throws DataError when the folder does not exist, may not be written to, or the disk is full
 */
export async function openScoreWriter(storage: Storage, path: string): Promise<ScoreWriter> {
  const table = await openTableWriter(storage, path, scoreColumns, true);
  const counter = scoreCounter();
  return {
    write: (rows) => table.write(counted(rows, counter)),
    async close(facts) {
      const counts = counter.counts(facts.classes.length);
      const digest = await table.digest();
      const said = counts && digest && (await saidOfRows(tableWriterName, digest, encodeCounts(counts)));
      await table.close([
        { key: scoreFactsKey, value: JSON.stringify(facts) },
        ...(said ? [{ key: scoreRowsKey, value: JSON.stringify(said) }] : []),
      ]);
    },
    abort: () => table.abort(),
  };
}

function* counted(rows: Iterable<ScoreRow>, counter: ScoreCounter): Generator<ScoreRow> {
  for (const row of rows) {
    counter.add(row);
    yield row;
  }
}

/** The digest of the rows of a score file; undefined when it says none. @throws as `readTableMetadata` does */
export const readScoreDigest = async (storage: Storage, path: string): Promise<string | undefined> =>
  (await saidOf(await readTableMetadata(storage, path, scoreColumns)))?.digest;

/**
 * Begins a table of the hashes of labelled, validation and test images.
 *
 * @throws DataError when the folder does not exist, may not be written to, or the disk is full
 */
export const openReferenceWriter = (storage: Storage, path: string): Promise<TableWriter<ReferenceRow>> =>
  openTableWriter(storage, path, referenceColumns);

/**
 * Checks that score files are what they should be, and are of one teacher and these classes.
 *
 * @returns what they say of their rows
 * @throws UsageError `semi/no-scores`; DataError `semi/other-teacher` or `semi/other-classes`; as `readScoreFacts`
 */
export async function checkScoreFiles(
  storageFor: StorageFor,
  paths: readonly string[],
  classes: readonly string[],
  signal?: AbortSignal,
): Promise<ScoredRows> {
  if (paths.length === 0) {
    throw new UsageError(
      "semi/no-scores",
      "expected at least one score file to select from, received none. Score the unlabelled images first.",
    );
  }
  let first: ScoreFacts | undefined;
  let rowsOfAll = 0;
  const countsOfAll = noCounts(classes.length);
  const uncounted: number[] = [];
  const digests: (string | undefined)[] = [];
  const images: number[] = [];
  for (const [index, path] of paths.entries()) {
    signal?.throwIfAborted();
    const metadata = await readTableMetadata(storageFor(path), path, scoreColumns);
    const facts = factsOf(path, metadata);
    const said = await saidOf(metadata);
    const rows = Number(metadata.num_rows);
    first ??= facts;
    rowsOfAll += rows;
    digests.push(said?.digest);
    images.push(facts.images);
    if (facts.teacher.sha256 !== first.teacher.sha256) {
      throw new DataError(
        "semi/other-teacher",
        `${path}: expected scores of the teacher ${nameOf(first)} as in ${paths[0]}, received those of ${nameOf(facts)}. Score all shards with one teacher.`,
      );
    }
    const odd = differingClass(classes, facts.classes);
    if (odd !== undefined) {
      throw new DataError(
        "semi/other-classes",
        `${path}: expected the ${classes.length} classes of the labelled images, ${odd}. Score the shard with a teacher of these classes.`,
      );
    }
    if (rows === 0) continue;
    if (!said || !addEncoded(countsOfAll, said.counts, rows)) uncounted.push(index);
  }
  return { rows: rowsOfAll, counts: countsOfAll, uncounted, digests, images };
}

const nameOf = ({ teacher: { name, sha256 } }: ScoreFacts): string => `${name} (${sha256.slice(0, 8)})`;

function differingClass(wanted: readonly string[], found: readonly string[]): string | undefined {
  if (wanted.length !== found.length) return `received ${found.length}`;
  const index = wanted.findIndex((name, i) => name !== found[i]);
  return index < 0 ? undefined : `"${wanted[index]}" at ${index}, received "${found[index]}" there`;
}

/**
 * Checks that the score files are those that the stage wrote.
 *
 * @throws DataError `semi/other-teacher` or `semi/other-shard`
 */
export function checkScores(files: readonly ScoreFile[], { inputs }: Pick<Manifest, "inputs">): void {
  const remedy = "Delete the file, and run again: what is missing is scored anew.";
  for (const { path, facts } of files) {
    const { teacher, shard } = facts;
    if (teacher.sha256 !== inputs["teacher"]) {
      throw new DataError(
        "semi/other-teacher",
        `${path}: expected scores of the teacher ${inputs["teacher"]?.slice(0, 8)} of this run, received those of ${teacher.name} (${teacher.sha256.slice(0, 8)}). ${remedy}`,
      );
    }
    if (shard.sha256 !== inputs[baseName(path)]) {
      throw new DataError(
        "semi/other-shard",
        `${path}: expected scores of a shard of this run, received those of ${shard.path} as it was then. ${remedy}`,
      );
    }
  }
}

/** What makes two score files hold the same rows. */
export type ScoreOrigin = Pick<ScoreFacts, "teacher" | "classes" | "shard" | "p" | "exif" | "engine">;

/**
 * Brings score files that stand to the names that they are wanted under, since numbers shift when a shard comes or
 * goes, and removes the others.
 *
 * @returns what the files that are left say of themselves, by name.
 */
export async function arrangeScores(
  platform: SemiPlatform,
  folder: string,
  wanted: ReadonlyMap<string, ScoreOrigin>,
): Promise<ReadonlyMap<string, ScoreFacts>> {
  const storage = platform.storageFor(folder);
  const at = (name: string): string => storage.join(folder, name);
  const standing = await standingScores(storage, folder);
  const places = placesFor(await originKeys(platform, standing), await originKeys(platform, wanted));
  for (const name of standing.keys()) if (!places.has(name)) await storage.remove(at(name));
  const moved = [...places].filter(([from, to]) => from !== to);
  // In two steps, as one may stand where another is to go. A name of the first step is found again after a kill.
  for (const [from, to] of moved) await storage.move(at(from), at(`moved-${to}`));
  for (const [, to] of moved) await storage.move(at(`moved-${to}`), at(to));
  return new Map([...places].map(([from, to]) => [to, standing.get(from)!]));
}

/** Those of the wanted score files that stand under their names, by what they say of themselves. */
export async function matchingScores(
  platform: SemiPlatform,
  folder: string,
  wanted: ReadonlyMap<string, ScoreOrigin>,
): Promise<ReadonlyMap<string, ScoreFacts>> {
  const storage = platform.storageFor(folder);
  const keys = await originKeys(platform, wanted);
  const found = new Map<string, ScoreFacts>();
  for (const name of wanted.keys()) {
    const facts = await readScoreFacts(storage, storage.join(folder, name)).catch(() => undefined);
    if (facts && (await originKeys(platform, new Map([[name, facts]]))).get(name) === keys.get(name))
      found.set(name, facts);
  }
  return found;
}

/** Files that cannot be read count as files of no shard. */
async function standingScores(
  storage: Storage,
  folder: string,
): Promise<ReadonlyMap<string, ScoreFacts | undefined>> {
  const shared = sharedClasses();
  const found = new Map<string, ScoreFacts | undefined>();
  for (const name of await namesIn(storage, folder)) {
    if (!name.endsWith(".parquet") || name === referencesName) continue;
    const facts = readScoreFacts(storage, storage.join(folder, name));
    found.set(name, await facts.then(shared, () => undefined));
  }
  return found;
}

/** By the name of a file, a hash of what makes its rows; files of which that is not known have none. */
async function originKeys(
  platform: SemiPlatform,
  files: ReadonlyMap<string, ScoreOrigin | undefined>,
): Promise<ReadonlyMap<string, string>> {
  const keys = new Map<string, string>();
  for (const [name, origin] of files) {
    if (!origin) continue;
    const { teacher, classes, shard, p, exif, engine } = origin;
    // Earlier versions kept it as it was given.
    const path = absolutePath(platform.storageFor, shard.path);
    const rows = [teacher.sha256, classes, path, shard.sha256, shard.from, shard.to, p, exif].concat(
      engine ?? [],
    );
    keys.set(name, await textHash(platform, JSON.stringify(rows)));
  }
  return keys;
}

/** Where each file that is still right goes. */
function placesFor(
  standing: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const free = new Map(wanted);
  const namesOf = new Map<string, string[]>();
  for (const [name, key] of [...free].toReversed()) namesOf.set(key, [...(namesOf.get(key) ?? []), name]);
  const places = new Map<string, string>();
  const take = (from: string, to: string): void => {
    places.set(from, to);
    free.delete(to);
  };
  for (const [name, key] of standing) if (free.get(name) === key) take(name, name);
  for (const [name, key] of standing) {
    if (places.has(name)) continue;
    const names = namesOf.get(key) ?? [];
    while (names.length > 0 && !free.has(names.at(-1)!)) names.pop();
    const to = names.at(-1);
    if (to !== undefined) take(name, to);
  }
  return places;
}

/** Facts of score files that hold one list of classes, instead of a copy for each of many files. */
function sharedClasses(): (facts: ScoreFacts) => ScoreFacts {
  let shared: readonly string[] | undefined;
  return (facts) => {
    const { classes } = facts;
    shared ??= classes;
    const isSame =
      classes.length === shared.length && classes.every((name, index) => name === shared![index]);
    return isSame ? { ...facts, classes: shared } : facts;
  };
}
