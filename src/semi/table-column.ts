/** Types of the columns of the pipeline's Parquet files: UTF8, INT32, INT64 and FLOAT. */
export type TableColumnType = "text" | "int32" | "int64" | "float32";

/** A column for each field of a row, in the order of the file. */
export type TableColumns<Row> = { readonly [Name in keyof Row & string]: TableColumnType };
