import * as z from "zod";
import { DataError } from "../../core/index.ts";
import type { Storage } from "../../core/storage/index.ts";
import {
  openTableWriter,
  readGroups,
  readTable,
  readTableMetadata,
  type TableGroup,
} from "../parquet-table.ts";
import type { Ranking } from "../select/selection.ts";
import { scoreColumns, type TableColumns } from "../tables.ts";
import {
  countColumns,
  countKinds,
  isCountRow,
  scoreCounts,
  type CountRow,
  type ScoreBounds,
  type ScoreCounts,
} from "./score-counts.ts";

// What is derived from a score file lies beside it and says from which table it was made. A companion that is absent, damaged or of
// another table is made again: deleting it costs time only.

/** How many rows of a score file have which scores. */
export const countsPath = (scores: string): string => `${scores}.counts`;

/** The rows of a score file that may be selected. */
export const prunedPath = (scores: string): string => `${scores}.pruned`;

/** Removes what was derived from a score file. */
export async function removeCompanions(storage: Storage, scores: string): Promise<void> {
  for (const pathOf of [countsPath, prunedPath]) await storage.remove(pathOf(scores));
}

/** Takes what was derived from a score file along when that gets another name. */
export async function moveCompanions(storage: Storage, from: string, to: string): Promise<void> {
  for (const pathOf of [countsPath, prunedPath]) {
    if (await storage.stat(pathOf(from))) await storage.move(pathOf(from), pathOf(to));
    else await storage.remove(pathOf(to));
  }
}

/** Key of the origin in the metadata of a companion. */
export const companionKey = "ssl-resnext.companion";

/** From what counts were made. */
const countsOrigin = z.object({
  /** Fingerprint of the score file. */
  table: z.string(),
});

/** From what rows were taken, and which. */
export interface PrunedOrigin {
  /** Fingerprint of the score file. */
  readonly table: string;
  /** Only rows of an image's best class, unless it is balanced. */
  readonly ranking: Ranking;
  /** Index of a class and the score that its rows reach; the score file has no finite scores of other classes. */
  readonly bounds: readonly (readonly [index: number, lowest: number])[];
}

const prunedOrigin: z.ZodType<PrunedOrigin> = z.object({
  table: z.string(),
  ranking: z.enum(["balanced", "unbalanced", "threshold"]),
  bounds: z.array(z.tuple([z.int(), z.number()])),
});

/** What a companion says of its origin; undefined when there is none, or none that can be read. */
async function readOrigin<Origin, Row>(
  storage: Storage,
  path: string,
  columns: TableColumns<Row>,
  schema: z.ZodType<Origin>,
): Promise<{ readonly origin: Origin; readonly rows: number } | undefined> {
  if (!(await storage.stat(path))) return undefined;
  try {
    const { key_value_metadata, num_rows } = await readTableMetadata(storage, path, columns);
    const text = key_value_metadata?.find(({ key }) => key === companionKey)?.value;
    return { origin: schema.parse(JSON.parse(text ?? "")), rows: Number(num_rows) };
  } catch {
    return undefined;
  }
}

/** Writes the counts of the score file with this fingerprint beside it. @throws DataError when the storage refuses */
export async function writeCounts(
  storage: Storage,
  scores: string,
  table: string,
  counts: ScoreCounts,
): Promise<void> {
  const writer = await openTableWriter(storage, countsPath(scores), countColumns);
  await writer.write(counts.rows());
  await writer.close([{ key: companionKey, value: JSON.stringify({ table }) }]);
}

/** Does work that only saves time later. @returns whether the storage let it */
export async function whereWritable(write: () => Promise<void>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    const refusals = ["data/permission", "data/read-only", "data/disk-full"];
    if (error instanceof DataError && refusals.includes(error.code)) return false;
    throw error;
  }
}

/**
 * Adds the counts that stand beside the score file with this fingerprint and number of rows.
 *
 * @returns whether they stand; else nothing is added
 */
export async function addStandingCounts(
  storage: Storage,
  scores: string,
  table: string,
  rows: number,
  counts: ScoreCounts,
): Promise<boolean> {
  const found = await readOrigin(storage, countsPath(scores), countColumns, countsOrigin);
  if (found?.origin.table !== table) return false;
  const groups: TableGroup<CountRow>[] = [];
  let counted = 0;
  try {
    for await (const group of readGroups(storage, countsPath(scores), countColumns)) {
      for (let i = 0; i < group.class.length; i++) {
        const row = countRow(group, i);
        if (!isCountRow(row)) return false;
        if (row.kind !== countKinds.bins) counted += row.rows;
      }
      groups.push(group);
    }
  } catch {
    return false;
  }
  if (counted !== rows) return false;
  for (const group of groups) for (let i = 0; i < group.class.length; i++) counts.add(countRow(group, i));
  return true;
}

const countRow = (group: TableGroup<CountRow>, i: number): CountRow => ({
  class: group.class[i]!,
  kind: group.kind[i]!,
  bucket: group.bucket[i]!,
  rows: group.rows[i]!,
  lowest: group.lowest[i]!,
});

/** Counts the rows of a score file. */
export async function countScores(
  storage: Storage,
  scores: string,
  signal?: AbortSignal,
): Promise<ScoreCounts> {
  const counts = scoreCounts();
  for await (const row of readTable(storage, scores, scoreColumns, signal)) counts.addScore(row);
  return counts;
}

/** The rows that were taken from the score file with this fingerprint; undefined when there are none, or other ones. */
export async function readPruned(
  storage: Storage,
  scores: string,
  table: string,
): Promise<(PrunedOrigin & { readonly rows: number }) | undefined> {
  const found = await readOrigin(storage, prunedPath(scores), scoreColumns, prunedOrigin);
  return found?.origin.table === table ? { ...found.origin, rows: found.rows } : undefined;
}

/** Whether pruned scores hold all rows that reach bounds. */
export function holdsAll(pruned: PrunedOrigin, ranking: Ranking, bounds: ScoreBounds): boolean {
  const isOfRanking = pruned.ranking === "balanced" || ranking !== "balanced";
  return isOfRanking && pruned.bounds.every(([index, lowest]) => lowest <= (bounds.get(index) ?? Infinity));
}

/** Takes the rows of a score file that reach the bounds of their class. */
export async function pruneScores(
  storage: Storage,
  scores: string,
  origin: PrunedOrigin,
  signal?: AbortSignal,
): Promise<void> {
  const bounds: ScoreBounds = new Map(origin.bounds);
  const isBalanced = origin.ranking === "balanced";
  const writer = await openTableWriter(storage, prunedPath(scores), scoreColumns);
  try {
    for await (const row of readTable(storage, scores, scoreColumns, signal)) {
      const isWanted = (isBalanced || row.rank === 1) && Number.isFinite(row.score);
      if (isWanted && row.score >= (bounds.get(row.class) ?? Infinity)) await writer.write([row]);
    }
  } catch (error) {
    await writer.abort();
    throw error;
  }
  await writer.close([{ key: companionKey, value: JSON.stringify(origin) }]);
}
