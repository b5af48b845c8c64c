import type { parquetImages as read } from "./parquet-images.ts";

/**
 * The images of a Parquet table, a row group at a time.
 *
 * Classes are those that Hugging Face's metadata name, or the distinct labels when `scanLabels` is set. What reads tables is
 * loaded when the first is opened: its decompressors are a third of what a page would load otherwise.
 *
 * @throws DataError when the file is no Parquet table, has no image column, or is damaged
 */
export const parquetImages: typeof read = async (source, options) =>
  (await import("./parquet-images.ts")).parquetImages(source, options);
