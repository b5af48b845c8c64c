import { basename, dirname, join, resolve } from "node:path";
import { referenceColumns } from "../../semi/selection-table.ts";
import type { SelectionSummary } from "../../semi/selection-summary.ts";
import {
  boundsTable,
  candidatesView,
  duplicateTables,
  histogramTable,
  scoresView,
  selectedRows,
  sqlText,
} from "../../semi/select/index.ts";
import { checkScoreFiles } from "./check-score-files.ts";
import { checkScoredClasses } from "./check-scored-classes.ts";
import { namingDamagedFile } from "./name-damaged-file.ts";
import { openDuckdb } from "./open-duckdb.ts";
import { throughPartialPath } from "./partial-path.ts";
import { selectionRule, type SelectImagesOptions } from "./select-options.ts";
import { summarise } from "./summarise.ts";
import { readTableMetadata } from "./table-metadata.ts";

// DuckDB's own limit does not count the pages that it reads and writes, nor threads and code.
const shareOfDuckdb = 0.6;

/**
 * Selects images of score files for each class and writes them as a table of `SelectionRow`, complete or not at all.
 *
 * The result depends on the scores only: ties are broken by the name of the image, then by shard and position, and
 * rows without a finite score are left out. Memory is bounded for any number of rows.
 *
 * @throws UsageError for options that cannot be; DataError for score files that cannot be read, are damaged, or are of
 *   several teachers or other classes, and for a folder that cannot be written to or a full disk; SessionError when
 *   DuckDB cannot be loaded or needs more memory
 */
export async function selectImages(options: SelectImagesOptions): Promise<SelectionSummary> {
  const { classes, memoryLimit = 1e9, threads, signal } = options;
  const rule = selectionRule(options);
  const scores = options.scores.map((path) => resolve(path));
  const out = resolve(options.out);
  await checkScoreFiles(scores, classes, signal);
  const references = rule.duplicates && resolve(rule.duplicates.references);
  if (references !== null) await readTableMetadata(references, referenceColumns);
  return throughPartialPath(out, async (partial) => {
    await using duckdb = await openDuckdb({
      memoryLimit: shareOfDuckdb * memoryLimit,
      threads,
      spillFolder: join(options.temporaryFolder ?? dirname(out), `${basename(out)}.spill`),
      signal,
    });
    const files = references === null ? scores : [...scores, references];
    return await namingDamagedFile(duckdb, files, async () => {
      await duckdb.run(scoresView(scores));
      if (rule.duplicates && references !== null) {
        for (const sql of duplicateTables(references, rule.duplicates.distance)) await duckdb.run(sql);
      }
      await duckdb.run(candidatesView(rule.ranking, rule.duplicates !== null));
      await duckdb.run(histogramTable);
      await checkScoredClasses(duckdb, classes, scores);
      await duckdb.run(boundsTable(rule.bound));
      const rows = selectedRows(rule.bound);
      // The partial file is temporary already.
      await duckdb.run(`COPY (${rows}) TO ${sqlText(partial)} (FORMAT parquet, USE_TMP_FILE false)`);
      return await summarise(duckdb, partial, rule, classes);
    });
  });
}
