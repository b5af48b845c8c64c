import { selectInMemory } from "../../../src/semi/index.ts";
import { selectionSuite } from "../../contract/selection.ts";

selectionSuite("in a page", ({ shards, references }, options) =>
  selectInMemory({
    ...options,
    scores: shards.map((rows, shard) => ({ name: `${shard}.parquet`, rows })),
    references,
  }),
);
