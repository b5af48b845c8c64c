import * as z from "zod";
import { sha256Of } from "../../core/index.ts";
import type { Storage } from "../../core/storage/index.ts";
import { readTableMetadata } from "../parquet-table.ts";
import type { Ranking } from "../select/selection.ts";
import { scoreColumns, type ScoreRow, type TableColumns } from "../tables.ts";

// Rows of score files that can be selected lie in tables of their own, in a folder beside the score files. A table knows the score files
// by digests of their rows, whatever they are called, and its name follows from what it holds: none is ever replaced by another one.
// Any of them may be deleted at any time.

/** A row of a score file, with the index of that file among those of the table. */
type PrunedRow = ScoreRow & { readonly shard: number };

/** Columns of pruned scores. */
const prunedColumns: TableColumns<PrunedRow> = { shard: "int32", ...scoreColumns };

/** Key of the contents in the metadata of pruned scores. */
export const prunedKey = "ssl-resnext.pruned";

/** Which rows pruned scores hold: all of these score files that reach the bound of their class. */
export interface PrunedContents {
  /** Digests of the score files. */
  readonly scores: readonly string[];
  /** Only rows of an image's best class, unless it is balanced. */
  readonly ranking: Ranking;
  /** By the index of a class. */
  readonly bounds: readonly number[];
}

const prunedContents: z.ZodType<PrunedContents> = z.object({
  scores: z.array(z.string()),
  ranking: z.enum(["balanced", "unbalanced", "threshold"]),
  bounds: z.array(z.number()),
});

/** Pruned scores that stand. */
export interface PrunedScores extends PrunedContents {
  readonly path: string;
}

/** Folder of the pruned scores of score files in a folder. */
export const prunedFolder = (storage: Storage, folder: string): string => storage.join(folder, "pruned");

/** Where pruned scores of these contents stand in their folder. */
export async function prunedPath(
  storage: Storage,
  folder: string,
  contents: PrunedContents,
): Promise<string> {
  const hash = await sha256Of(new TextEncoder().encode(JSON.stringify(contents)));
  return storage.join(folder, `${hash.slice(0, 32)}.parquet`);
}

/** The pruned scores in a folder; what cannot be read is passed over. */
export async function standingPruned(storage: Storage, folder: string): Promise<readonly PrunedScores[]> {
  if (!(await storage.stat(folder))) return [];
  const names: string[] = [];
  for await (const { name } of storage.list(folder)) if (name.endsWith(".parquet")) names.push(name);
  const found: PrunedScores[] = [];
  for (const name of names.sort()) {
    const path = storage.join(folder, name);
    try {
      const { key_value_metadata } = await readTableMetadata(storage, path, prunedColumns);
      const said = key_value_metadata?.find(({ key }) => key === prunedKey)?.value;
      found.push({ ...prunedContents.parse(JSON.parse(said ?? "")), path });
    } catch {
      continue;
    }
  }
  return found;
}

/** Whether pruned scores have all rows of their score files that reach other bounds. */
const holdsAll = (pruned: PrunedContents, ranking: Ranking, bounds: readonly number[]): boolean =>
  (pruned.ranking === "balanced" || ranking !== "balanced") &&
  pruned.bounds.length === bounds.length &&
  bounds.every((bound, index) => pruned.bounds[index]! <= bound);

/** Where the rows of score files are read. */
export interface RowSources {
  readonly pruned: readonly {
    readonly path: string;
    /** Of each score file of the table, the index of the one that its rows are wanted for. */
    readonly shards: readonly (number | undefined)[];
  }[];
  /** Score files by their index that none of these has. */
  readonly others: readonly number[];
}

/**
 * Finds for each score file the pruned scores that have all of its rows that reach the bounds, the tables with most of them first.
 *
 * @param digests Of each score file that has one.
 */
export function sourcesOf(
  standing: readonly PrunedScores[],
  digests: readonly (string | undefined)[],
  ranking: Ranking,
  bounds: readonly number[],
): RowSources {
  const wanted = new Map<string, number[]>();
  for (const [index, digest] of digests.entries()) {
    if (digest !== undefined) {
      const same = wanted.get(digest);
      if (same) same.push(index);
      else wanted.set(digest, [index]);
    }
  }
  const common = ({ scores }: PrunedScores): number => scores.filter((digest) => wanted.has(digest)).length;
  const pruned: { readonly path: string; readonly shards: readonly (number | undefined)[] }[] = [];
  const usable = standing.filter((one) => holdsAll(one, ranking, bounds));
  for (const { path, scores } of usable.toSorted((a, b) => common(b) - common(a))) {
    const shards = scores.map((digest) => wanted.get(digest)?.pop());
    if (shards.some((index) => index !== undefined)) pruned.push({ path, shards });
  }
  const covered = new Set(pruned.flatMap(({ shards }) => shards));
  return { pruned, others: digests.flatMap((_, index) => (covered.has(index) ? [] : [index])) };
}

/** Which of the pruned scores that stand hold nothing that these do not hold as well. */
export function superseded(
  standing: readonly PrunedScores[],
  { scores, ranking, bounds }: PrunedContents,
): readonly PrunedScores[] {
  const held = new Set(scores);
  return standing.filter(
    (one) =>
      one.scores.every((digest) => held.has(digest)) &&
      holdsAll({ scores, ranking, bounds }, one.ranking, one.bounds),
  );
}

/** Which of the pruned scores that stand hold nothing of these score files. */
export const ofOthers = (
  standing: readonly PrunedScores[],
  digests: readonly (string | undefined)[],
): readonly PrunedScores[] => {
  const known = new Set(digests);
  return standing.filter(({ scores }) => !scores.some((digest) => known.has(digest)));
};
