import { DataError } from "../../core/index.ts";
import type { ScoreFacts, SelectionRow } from "../../semi/index.ts";

/** A row of a selection and its image. */
interface RowImage<Image> {
  readonly row: SelectionRow;
  readonly image: Image;
}

/**
 * Finds the images of rows by walking rows and shards side by side: both are sorted by shard and position.
 *
 * @param shards What the score files say, in the order of the rows' shards.
 * @param open Gives the images of a shard, from its first position on.
 * @throws DataError `semi/shard-changed` when another image stands where a row's was scored.
 */
export async function* imagesOfRows<Image extends { readonly id: string }>(
  rows: AsyncIterable<SelectionRow> | Iterable<SelectionRow>,
  shards: readonly ScoreFacts[],
  open: (facts: ScoreFacts) => Promise<AsyncIterable<Image>>,
): AsyncGenerator<RowImage<Image>, void, undefined> {
  let opened = -1;
  let images: AsyncIterator<Image> | undefined;
  let position = 0;
  let image: Image | undefined;
  try {
    for await (const row of rows) {
      const facts = shards[row.shard]!;
      if (row.shard !== opened) {
        await images?.return?.();
        opened = row.shard;
        images = (await open(facts))[Symbol.asyncIterator]();
        position = facts.shard.from - 1;
      }
      while (position < row.position) {
        const next: IteratorResult<Image> = await images!.next();
        image = next.done ? undefined : next.value;
        position++;
      }
      if (image?.id !== row.image_id) throw changed(facts, row, image?.id);
      yield { row, image };
    }
  } finally {
    await images?.return?.();
  }
}

function changed({ shard }: ScoreFacts, row: SelectionRow, found = "nothing"): DataError {
  return new DataError(
    "semi/shard-changed",
    `${shard.path}: expected ${row.image_id} at position ${row.position}, as it was scored; ${found} is there. The images have changed: score them anew.`,
  );
}
