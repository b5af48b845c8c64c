import { openTableWriter, readTable, readTableMetadata } from "../parquet-table.ts";
import type { SemiPlatform } from "../platform.ts";
import { checkScoreFiles } from "../score/score-files.ts";
import { referenceColumns, scoreColumns, selectionColumns } from "../tables.ts";
import { selectInMemory } from "./select-in-memory.ts";
import type { SelectionSummary } from "./selection.ts";
import {
  comparedPairs,
  selectionRule,
  type CheckedSelection,
  type SelectImagesOptions,
} from "./selection-options.ts";

/** What selecting needs of its platform. */
type SelectionPlatform = Pick<SemiPlatform, "storageFor" | "selectImages">;

/**
 * Selects images of score files for each class and writes them as a table of `SelectionRow`, complete or not at all:
 * few rows by sorting them here, others as the platform does, which gives the same rows.
 *
 * @throws UsageError for options that cannot be; DataError for score files that cannot be read, are damaged, or are of
 *   several teachers or other classes, and for a folder that cannot be written to or a full disk; what the platform
 *   throws
 */
export async function selectImages(
  platform: SelectionPlatform,
  options: SelectImagesOptions,
): Promise<SelectionSummary> {
  const selection = await checkSelection(platform, options);
  return platform.selectImages === undefined || isSmall(selection) || !areOnDisk(platform, selection)
    ? sortTables(platform, selection)
    : platform.selectImages(selection);
}

/**
 * Completes and checks the options, and the files as far as their metadata say what is in them.
 *
 * @returns options in which all names are absolute
 */
export async function checkSelection(
  { storageFor }: SelectionPlatform,
  options: SelectImagesOptions,
): Promise<CheckedSelection> {
  const absolute = (uri: string): string => storageFor(uri).resolve(uri);
  const given = {
    ...options,
    scores: options.scores.map(absolute),
    references: options.references === undefined ? undefined : absolute(options.references),
    out: absolute(options.out),
    memoryLimit: options.memoryLimit ?? 1e9,
  };
  const rule = selectionRule(given);
  const scored = await checkScoreFiles(storageFor, given.scores, options.classes, options.signal);
  const compared = rule.duplicates?.references;
  const referenceRows =
    compared === undefined
      ? 0
      : Number((await readTableMetadata(storageFor(compared), compared, referenceColumns)).num_rows);
  return { ...given, rule, scored, referenceRows };
}

/** Up to here DuckDB takes longer to be loaded and to start than the rows take to be sorted. */
export const fewRows = 100_000;
const bytesPerRow = 1000;
// Less than a second, in which nothing else happens here.
const fewPairs = 1e7;

/** Depends on the tables and options only, so that a selection that is made again is the same file. */
function isSmall({ rule, images, scored, referenceRows, memoryLimit }: CheckedSelection): boolean {
  const distance = rule.duplicates?.distance ?? 0;
  return (
    scored.rows + referenceRows < Math.min(fewRows, memoryLimit / bytesPerRow) &&
    comparedPairs(images, referenceRows, distance) < fewPairs
  );
}

/** Whether a program of the system, as DuckDB is one, finds the files. */
function areOnDisk({ storageFor }: SelectionPlatform, selection: CheckedSelection): boolean {
  const { scores, out, references = out } = selection;
  return [...scores, references, out].every((uri) => storageFor(uri).path(uri) !== undefined);
}

async function sortTables(
  { storageFor }: SelectionPlatform,
  selection: CheckedSelection,
): Promise<SelectionSummary> {
  const { scores, references, out, signal } = selection;
  signal?.throwIfAborted();
  // Shows at once whether the folder can be written to.
  const writer = await openTableWriter(storageFor(out), out, selectionColumns);
  try {
    const { rows, summary } = await selectInMemory({
      ...selection,
      scores: scores.map((name) => ({
        name,
        rows: readTable(storageFor(name), name, scoreColumns, signal),
      })),
      references:
        references === undefined
          ? undefined
          : readTable(storageFor(references), references, referenceColumns, signal),
    });
    await writer.write(rows);
    signal?.throwIfAborted();
    await writer.close();
    return summary;
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
