import type { ImageItem, ImageSource } from "../../data/index.ts";
import type { ScoreFacts, SelectionRow } from "../../semi/index.ts";
import type { NamedImages } from "../trainer/index.ts";
import type { SemiContext } from "./context.ts";
import { imagesOfRows } from "./images-of-rows.ts";
import { readSummary } from "./read-summary.ts";
import { readScores } from "./score-files.ts";
import { readSelection } from "./selection-reader.ts";
import { openShard } from "./shards.ts";

/** The selected images with the classes that they were selected for, an image once for each of them. */
export async function openSelected(
  context: SemiContext,
  selection: string,
  scores: string,
): Promise<NamedImages> {
  const { counts } = await context.manifest(selection);
  const files = await readScores(context.path(scores));
  const shards = files.map(({ facts }) => facts);
  const { classes } = await readSummary(context.path(selection));
  const path = context.path(selection, "selection.parquet");
  return {
    name: `${counts["rows"]} selected images of ${context.settings.unlabelled.join(" ")}`,
    images: {
      classes: classes.map(({ name }) => name),
      size: counts["rows"],
      [Symbol.asyncIterator]: () => selectedImages(readSelection(path), shards, context.signal),
    },
  };
}

/** The class of an image is that of its row, and its shard has no say in it. */
async function* selectedImages(
  rows: AsyncIterable<SelectionRow>,
  shards: readonly ScoreFacts[],
  signal: AbortSignal | undefined,
): AsyncGenerator<ImageItem> {
  const open = ({ shard }: ScoreFacts): Promise<ImageSource> => openShard(shard, signal);
  for await (const { row, image } of imagesOfRows(rows, shards, open)) {
    yield { id: row.image_id, label: shards[row.shard]!.classes[row.class]!, content: image.content };
  }
}
