import * as z from "zod";

/** Types of the columns of the pipeline's Parquet files: UTF8, INT32, INT64 and FLOAT. */
export type TableColumnType = "text" | "int32" | "int64" | "float32";

/** A column for each field of a row, in the order of the file. */
export type TableColumns<Row> = { readonly [Name in keyof Row & string]: TableColumnType };

/**
 * One of the best classes of one scored image, a row of a score file. An image has P of them, best first.
 *
 * Rows are sorted by position and rank.
 */
export interface ScoreRow {
  readonly image_id: string;
  /** Index of the image in its shard, from 0; images that cannot be read have a position and no row. */
  readonly position: number;
  /** Index of the class. */
  readonly class: number;
  /** Softmax probability. */
  readonly score: number;
  /** 1 for the best class of the image. */
  readonly rank: number;
  /** Perceptual hash of the image as the teacher saw it, 64 bits as a signed number; the same in all its rows. */
  readonly phash: bigint;
}

/** Columns of a score file. */
export const scoreColumns: TableColumns<ScoreRow> = {
  image_id: "text",
  position: "int32",
  class: "int32",
  score: "float32",
  rank: "int32",
  phash: "int64",
};

/** What a score file says of itself, as JSON in its metadata under {@link scoreFactsKey}. */
export interface ScoreFacts {
  readonly teacher: { readonly name: string; readonly sha256: string };
  /** Class names in the order of the class indices. */
  readonly classes: readonly string[];
  readonly shard: {
    readonly path: string;
    readonly sha256: string;
    /** First position, and the one after the last, where a folder is scored in parts. */
    readonly from: number;
    readonly to: number;
  };
  /** Best classes that were kept of each image. */
  readonly p: number;
  /** Whether images were turned upright as their EXIF orientation says. */
  readonly exif: boolean;
  /** What the teacher ran on, such as "openvino, bf16"; left out for ONNX Runtime in float32. */
  readonly engine?: string | undefined;
  /** Images that were scored. */
  readonly images: number;
  readonly broken: readonly { readonly id: string; readonly error: string }[];
}

/** Key of the facts in the metadata of a score file. */
export const scoreFactsKey = "ssl-resnext.scores";

/** Key of what the writer of a score file says of its rows, {@link SaidOfRows}. */
export const scoreRowsKey = "ssl-resnext.rows";

/** What the writer of a score file says of its rows, as JSON: true only as long as nobody else has written the table again. */
export interface SaidOfRows {
  /** The `created_by` of the Parquet file. */
  readonly writer: string;
  /** Of the rows, by which what was taken from them knows the file. */
  readonly digest: string;
  /** How many rows with which scores each class has, as `encodeCounts` writes it, so that a selection need not count them. */
  readonly counts: string;
  /** Of digest and counts. */
  readonly check: string;
}

export const saidOfRowsSchema: z.ZodType<SaidOfRows> = z.object({
  writer: z.string(),
  digest: z.string(),
  counts: z.string(),
  check: z.string(),
});

const count = z.int().min(0);

export const scoreFactsSchema: z.ZodType<ScoreFacts> = z.object({
  teacher: z.object({ name: z.string(), sha256: z.string() }),
  classes: z.array(z.string()),
  shard: z.object({ path: z.string(), sha256: z.string(), from: count, to: count }),
  p: count,
  exif: z.boolean(),
  engine: z.string().optional(),
  images: count,
  broken: z.array(z.object({ id: z.string(), error: z.string() })),
});

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
