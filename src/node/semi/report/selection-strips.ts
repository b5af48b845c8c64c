import type { DecodeOptions } from "../../../image/index.ts";
import {
  stripClasses,
  stripRanks,
  type SelectionRow,
  type SelectionSummary,
  type StripImage,
} from "../../../semi/index.ts";
import { thumbnail } from "../../thumbnail.ts";
import type { imagesOfRows } from "../images-of-rows.ts";
import { rowsAtRanks } from "../selection-reader.ts";
import type { ImageWithTruth } from "../shards.ts";

export interface StripOptions {
  readonly summary: SelectionSummary;
  /** Finds the images of rows that are sorted by shard and position. */
  readonly images: (rows: readonly SelectionRow[]) => ReturnType<typeof imagesOfRows<ImageWithTruth>>;
  readonly decode: DecodeOptions;
  readonly signal: AbortSignal | undefined;
}

/** Pictures from the ranking of each class, in the order of the classes; none of those that are not shown. */
export async function selectionStrips(
  table: string,
  { summary, images, decode, signal }: StripOptions,
): Promise<readonly (readonly StripImage[])[]> {
  const wanted = wantedRanks(summary);
  const ranks = [...new Set(wanted.flatMap((ofClass) => [...ofClass]))];
  const rows = (await rowsAtRanks(table, ranks, signal)).filter((row) =>
    wanted[row.class]!.has(row.class_rank),
  );
  const strips: StripImage[][] = summary.classes.map(() => []);
  for await (const { row, image } of images(rows.toSorted(byPlace))) {
    strips[row.class]!.push({
      id: row.image_id,
      rank: row.class_rank,
      score: row.score,
      truth: image.truth,
      thumbnail: await thumbnail(image, decode),
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
