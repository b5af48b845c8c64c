import type { Bound } from "./bounds.ts";

// Unique, so that neither threads nor the order of rows decide anything.
const order = "score DESC, image_id, shard, position";
const classRank = `row_number() OVER (PARTITION BY class ORDER BY ${order})::INTEGER AS class_rank`;
const columns = "shard, position, image_id, class, class_rank, score";

/** The rows of a selection, sorted: what is left of `candidates` after ranking those above `bounds`. */
export function selectedRows(bound: Bound): string {
  const contenders = `
    SELECT shard, position, image_id, class, score FROM candidates JOIN bounds USING (class)
    WHERE isfinite(score) AND score >= lowest`;
  const best =
    bound.ranking === "unbalanced"
      ? `(${contenders} ORDER BY ${order} LIMIT ${bound.rows})`
      : `(${contenders})`;
  const ranked = `SELECT shard, position, image_id, class, ${classRank}, score FROM ${best}`;
  const kept = bound.ranking === "balanced" ? `WHERE class_rank <= ${bound.rows}` : "";
  return `SELECT ${columns} FROM (${ranked}) ${kept} ORDER BY shard, position, class`;
}
