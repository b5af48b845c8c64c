import { DataError } from "../../core/index.ts";
import type { ImageItem } from "../../data/index.ts";
import type { ScoreFacts, SelectionRow } from "../../semi/index.ts";
import type { NamedImages } from "../trainer/index.ts";
import type { SemiContext } from "./context.ts";
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
  const path = context.path(selection, "selection.parquet");
  return {
    name: `${counts["rows"]} selected images of ${context.settings.unlabelled.join(" ")}`,
    images: {
      classes: shards[0]!.classes,
      size: counts["rows"],
      [Symbol.asyncIterator]: () => selectedImages(readSelection(path), shards, context.signal),
    },
  };
}

/** Walks shards and rows side by side: both are sorted by shard and position. */
async function* selectedImages(
  rows: AsyncIterable<SelectionRow>,
  shards: readonly ScoreFacts[],
  signal: AbortSignal | undefined,
): AsyncGenerator<ImageItem> {
  let opened = -1;
  let walk: ShardWalk | undefined;
  try {
    for await (const row of rows) {
      const facts = shards[row.shard]!;
      if (row.shard !== opened) {
        await walk?.end();
        walk = await walkShard(facts, signal);
        opened = row.shard;
      }
      const image = await walk!.at(row.position);
      if (image?.id !== row.image_id) throw changed(facts, row, image);
      yield { id: row.image_id, label: facts.classes[row.class]!, content: image.content };
    }
  } finally {
    await walk?.end();
  }
}

/** A way through a shard, forwards. */
interface ShardWalk {
  /** The image at a position that is not before the last one asked for. */
  at(position: number): Promise<ImageItem | undefined>;
  /** Closes the files of the shard. */
  end(): Promise<void>;
}

async function walkShard({ shard }: ScoreFacts, signal: AbortSignal | undefined): Promise<ShardWalk> {
  const images = (await openShard(shard, signal))[Symbol.asyncIterator]();
  let position = shard.from - 1;
  let current: ImageItem | undefined;
  return {
    async at(wanted) {
      for (; position < wanted; position++) {
        const next: IteratorResult<ImageItem, unknown> = await images.next();
        current = next.done ? undefined : next.value;
      }
      return current;
    },
    end: async () => void (await images.return?.()),
  };
}

function changed({ shard }: ScoreFacts, row: SelectionRow, found: ImageItem | undefined): DataError {
  const came = found?.id ?? "nothing";
  return new DataError(
    "semi/shard-changed",
    `${shard.path}: expected ${row.image_id} at position ${row.position}, as it was scored; ${came} is there. The images have changed: score them anew.`,
  );
}
