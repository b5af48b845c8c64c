import type { SemiContext } from "../../context.ts";
import { readScores } from "../../score/score-files.ts";
import { imagesOfRows, shardTruth, type ImageWithTruth } from "../../score/shards.ts";
import { readSelection, rowsAtRanks, type SelectionSummary } from "../../select/selection.ts";
import { selectionName } from "../../stages/select.ts";
import type { SelectionRow } from "../../tables.ts";
import type { RankPrecision, SelectedClass, SelectionRecord, StripImage } from "../data.ts";
import { stripClasses, stripRanks } from "../selection.ts";

/** A selection and the scores that it was made from, by their folders. */
interface SelectionFolders {
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
  const { platform, storage, signal, path } = context;
  const table = path(folders.selection, selectionName);
  const shards = (await readScores(storage, path(folders.scores))).map(({ facts }) => facts);
  const withTruth = (rows: Rows): ReturnType<typeof imagesOfRows<ImageWithTruth>> =>
    imagesOfRows(rows, shards, async ({ shard }) => shardTruth(platform, shard, signal));
  const strips = await selectionStrips(context, { table, summary, images: withTruth });
  const names = summary.classes.map(({ name }) => name);
  const isKnown = strips.flat().some(({ truth }) => truth !== undefined && names.includes(truth));
  const tally = isKnown
    ? await countedTruth(withTruth(readSelection(storage, table, signal)), summary)
    : undefined;
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

interface StripOptions {
  readonly table: string;
  readonly summary: SelectionSummary;
  /** Finds the images of rows that are sorted by shard and position. */
  readonly images: (rows: readonly SelectionRow[]) => ReturnType<typeof imagesOfRows<ImageWithTruth>>;
}

/** Pictures from the ranking of each class, in the order of the classes; none of those that are not shown. */
async function selectionStrips(
  { platform, storage, execution, signal }: SemiContext,
  { table, summary, images }: StripOptions,
): Promise<readonly (readonly StripImage[])[]> {
  const wanted = wantedRanks(summary);
  const ranks = [...new Set(wanted.flatMap((ofClass) => [...ofClass]))];
  const rows = (await rowsAtRanks(storage, table, ranks, signal)).filter((row) =>
    wanted[row.class]!.has(row.class_rank),
  );
  const strips: StripImage[][] = summary.classes.map(() => []);
  for await (const { row, image } of images(rows.toSorted(byPlace))) {
    strips[row.class]!.push({
      id: row.image_id,
      rank: row.class_rank,
      score: row.score,
      truth: image.truth,
      thumbnail: await platform.thumbnail(image, { exifOrientation: execution.exif }),
    });
  }
  return strips.map((strip) => strip.sort((a, b) => a.rank - b.rank));
}

function wantedRanks({ classes, ranking, k }: SelectionSummary): readonly ReadonlySet<number>[] {
  const shown = new Set(stripClasses(classes.length));
  const last = ranking === "balanced" ? (k ?? undefined) : undefined;
  return classes.map(({ selected }, index) => new Set(shown.has(index) ? stripRanks(selected, last) : []));
}

const byPlace = (a: SelectionRow, b: SelectionRow): number =>
  a.shard - b.shard || a.position - b.position || a.class - b.class;

/** Counts pseudo-labels that are right, of those whose image's class is known. */
interface TruthTally {
  add(row: SelectionRow, truth: string | undefined): void;
  /** In the order of the classes. */
  readonly classes: readonly NonNullable<SelectedClass["truth"]>[];
  byRank(): readonly RankPrecision[];
}

/** Labels that a stretch of ranks should have: a share of few is mostly chance. */
const labelsOfStretch = 100;
const [fewestStretches, mostStretches] = [4, 20];

/** @param selected Rows of each class. */
function truthTally(classes: readonly string[], selected: readonly number[]): TruthTally {
  const lastRank = Math.max(...selected);
  const wanted = Math.floor(selected.reduce((sum, rows) => sum + rows, 0) / labelsOfStretch);
  const length = Math.min(lastRank, mostStretches, Math.max(fewestStretches, wanted));
  const counter = (): { known: number; right: number } => ({ known: 0, right: 0 });
  const perClass = classes.map(counter);
  const stretches = Array.from({ length }, counter);
  return {
    classes: perClass,
    add(row, truth) {
      if (truth === undefined) return;
      const stretch = Math.floor(((row.class_rank - 1) * stretches.length) / lastRank);
      for (const counts of [perClass[row.class]!, stretches[stretch]!]) {
        counts.known++;
        if (truth === classes[row.class]) counts.right++;
      }
    },
    byRank: () =>
      stretches.flatMap(({ known, right }, index) =>
        known === 0
          ? []
          : [
              {
                rank: Math.ceil(((index + 1) * lastRank) / stretches.length),
                precision: (100 * right) / known,
              },
            ],
      ),
  };
}
