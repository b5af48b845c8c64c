import type { SelectionRecord, SelectionRow, SelectionSummary } from "../../../semi/index.ts";
import type { SemiContext } from "../context.ts";
import { imagesOfRows } from "../images-of-rows.ts";
import { readScores } from "../score-files.ts";
import { readSelection } from "../selection-reader.ts";
import { shardTruth, type ImageWithTruth } from "../shards.ts";
import { selectionStrips } from "./selection-strips.ts";
import { truthTally, type TruthTally } from "./truth-tally.ts";

/** A selection and the scores that it was made from, by their folders. */
export interface SelectionFolders {
  readonly selection: string;
  readonly scores: string;
}

/**
 * What a selection has to show: pictures from its ranking and, where the images came with labels, how many of the
 * pseudo-labels are right. Labels count as the truth when one of the pictured images has the name of a class.
 */
export async function selectionRecord(
  context: SemiContext,
  folders: SelectionFolders,
  summary: SelectionSummary,
): Promise<SelectionRecord> {
  const { signal, path, execution } = context;
  const table = path(folders.selection, "selection.parquet");
  const shards = (await readScores(path(folders.scores))).map(({ facts }) => facts);
  const withTruth = (rows: Rows): ReturnType<typeof imagesOfRows<ImageWithTruth>> =>
    imagesOfRows(rows, shards, async ({ shard }) => shardTruth(shard, signal));
  const strips = await selectionStrips(table, {
    summary,
    images: withTruth,
    decode: execution.decode,
    signal,
  });
  const names = summary.classes.map(({ name }) => name);
  const isKnown = strips.flat().some(({ truth }) => truth !== undefined && names.includes(truth));
  const tally = isKnown ? await countedTruth(withTruth(readSelection(table, signal)), summary) : undefined;
  return {
    classes: summary.classes.map((record, index) => ({
      ...record,
      truth: tally?.classes[index],
      strip: isKnown ? strips[index]! : strips[index]!.map((image) => ({ ...image, truth: undefined })),
    })),
    precisionByRank: tally?.byRank(),
  };
}

type Rows = AsyncIterable<SelectionRow> | Iterable<SelectionRow>;

async function countedTruth(
  rows: ReturnType<typeof imagesOfRows<ImageWithTruth>>,
  { classes }: SelectionSummary,
): Promise<TruthTally> {
  const names = classes.map(({ name }) => name);
  const selected = classes.map((record) => record.selected);
  const tally = truthTally(names, selected);
  for await (const { row, image } of rows) tally.add(row, image.truth);
  return tally;
}
