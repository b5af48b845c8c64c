import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { readSelection, selectImages } from "../../src/node/semi.ts";
import { selectInMemory, type Selection, type SelectionOptions } from "../../src/semi/index.ts";
import { collect } from "../data/collect.ts";
import { selectWithDuckdb, writeReferences, writeScores } from "../semi/score-files.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { selectionSuite, type SelectionTables } from "./selection.ts";

const folder = temporaryFolder();

/** Through files: the tables, and the selection. */
const throughFiles =
  (select: typeof selectImages) =>
  async ({ shards, references }: SelectionTables, options: SelectionOptions): Promise<Selection> => {
    const place = await mkdtemp(join(folder, "selection-"));
    const out = join(place, "selection.parquet");
    const summary = await select({
      ...options,
      scores: await Promise.all(
        shards.map((rows, shard) => writeScores(join(place, `${shard}.parquet`), rows)),
      ),
      references: references && (await writeReferences(join(place, "references.parquet"), references)),
      threads: 2,
      out,
    });
    return { rows: await collect(readSelection(out)), summary };
  };

selectionSuite("in memory", ({ shards, references }, options) =>
  selectInMemory({
    ...options,
    scores: shards.map((rows, shard) => ({ name: `${shard}.parquet`, rows })),
    references,
  }),
);

selectionSuite("in memory, through files", throughFiles(selectImages));

selectionSuite("in DuckDB", throughFiles(selectWithDuckdb));
