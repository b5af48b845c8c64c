import type { TableColumns } from "./table-column.ts";

/**
 * An image that was selected for a class, a row of a selection. An image may be selected for several classes.
 *
 * Rows are sorted by shard, position and class.
 */
export interface SelectionRow {
  /** Index of the score file among those that were selected from, which are in the order of their names. */
  readonly shard: number;
  /** Index of the image in its shard. */
  readonly position: number;
  readonly image_id: string;
  readonly class: number;
  /** 1 for the image of the class that ranks first. */
  readonly class_rank: number;
  readonly score: number;
}

/** Columns of a selection. */
export const selectionColumns: TableColumns<SelectionRow> = {
  shard: "int32",
  position: "int32",
  image_id: "text",
  class: "int32",
  class_rank: "int32",
  score: "float32",
};

/** A row of the table of hashes that unlabelled images are compared with. */
export interface ReferenceRow {
  readonly image_id: string;
  readonly phash: bigint;
  readonly set: "labelled" | "validation" | "test";
}

/** Columns of a table of references. */
export const referenceColumns: TableColumns<ReferenceRow> = {
  image_id: "text",
  phash: "int64",
  set: "text",
};
