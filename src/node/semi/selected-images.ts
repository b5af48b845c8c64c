import { readFile } from "node:fs/promises";
import { DataError } from "../../core/index.ts";
import type { ImageItem } from "../../data/index.ts";
import type { ScoreFacts, SelectionRow, SelectionSummary } from "../../semi/index.ts";
import type { NamedImages } from "../trainer/index.ts";
import type { SemiContext } from "./context.ts";
import { readScores } from "./score-files.ts";
import { readSelection } from "./selection-reader.ts";
import { summaryName } from "./summary-name.ts";
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
  const classes = await selectedClasses(context.path(selection, summaryName));
  const path = context.path(selection, "selection.parquet");
  return {
    name: `${counts["rows"]} selected images of ${context.settings.unlabelled.join(" ")}`,
    images: {
      classes,
      size: counts["rows"],
      [Symbol.asyncIterator]: () => selectedImages(readSelection(path), shards, context.signal),
    },
  };
}

/** Names of the classes that images were selected for. */
async function selectedClasses(path: string): Promise<readonly string[]> {
  const { classes } = JSON.parse(await readFile(path, "utf8")) as SelectionSummary;
  return classes.filter(({ selected }) => selected > 0).map(({ name }) => name);
}

/** Walks shards and rows side by side: both are sorted by shard and position. */
async function* selectedImages(
  rows: AsyncIterable<SelectionRow>,
  shards: readonly ScoreFacts[],
  signal: AbortSignal | undefined,
): AsyncGenerator<ImageItem> {
  let opened = -1;
  let images: AsyncIterator<ImageItem> | undefined;
  let position = 0;
  let current: ImageItem | undefined;
  for await (const row of rows) {
    const facts = shards[row.shard]!;
    if (row.shard !== opened) {
      opened = row.shard;
      images = (await openShard(facts.shard, signal))[Symbol.asyncIterator]();
      position = facts.shard.from - 1;
    }
    while (position < row.position) {
      const next: IteratorResult<ImageItem> = await images!.next();
      if (next.done) break;
      current = next.value;
      position++;
    }
    if (current?.id !== row.image_id) throw changed(facts, row, current);
    yield { id: row.image_id, label: facts.classes[row.class]!, content: current.content };
  }
}

function changed({ shard }: ScoreFacts, row: SelectionRow, found: ImageItem | undefined): DataError {
  const came = found?.id ?? "nothing";
  return new DataError(
    "semi/shard-changed",
    `${shard.path}: expected ${row.image_id} at position ${row.position}, as it was scored; ${came} is there. The images have changed: score them anew.`,
  );
}
