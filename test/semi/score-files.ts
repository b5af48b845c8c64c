import { selectWithDuckdb as select } from "../../src/node/duckdb/select-images.ts";
import { nodeSemiPlatform, openReferenceWriter, openScoreWriter } from "../../src/node/semi.ts";
import type { SelectImagesOptions, SelectionSummary } from "../../src/semi/index.ts";
import { checkSelection } from "../../src/semi/select/select-images.ts";
import type { ReferenceRow, ScoreFacts, ScoreRow } from "../../src/semi/tables.ts";

/** Facts of a score file of three classes. */
export const facts: ScoreFacts = {
  teacher: { name: "resnet20_cifar10", sha256: "a1" },
  classes: ["cat", "dog", "ship"],
  exif: false,
  shard: { path: "unlabelled/00000.tar", sha256: "b2", from: 0, to: 10 },
  p: 2,
  images: 9,
  broken: [{ id: "7.jpg", error: "cut off" }],
};

export async function writeScores(
  path: string,
  rows: Iterable<ScoreRow>,
  changes: Partial<ScoreFacts> = {},
): Promise<string> {
  const writer = await openScoreWriter(path);
  await writer.write(rows);
  await writer.close({ ...facts, ...changes });
  return path;
}

export async function writeReferences(path: string, rows: Iterable<ReferenceRow>): Promise<string> {
  const writer = await openReferenceWriter(path);
  await writer.write(rows);
  await writer.close();
  return path;
}

/** What `selectImages` does in DuckDB, however few rows there are. */
export const selectWithDuckdb = async (options: SelectImagesOptions): Promise<SelectionSummary> =>
  select(await checkSelection(nodeSemiPlatform, options));
