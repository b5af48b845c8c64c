import { referenceColumns, type ReferenceRow } from "../../semi/selection-table.ts";
import { openTableWriter, type TableWriter } from "./table-writer.ts";

/**
 * Begins a table of the hashes of labelled, validation and test images.
 *
 * @throws DataError when the folder does not exist, may not be written to, or the disk is full
 */
export const openReferenceWriter = (path: string): Promise<TableWriter<ReferenceRow>> =>
  openTableWriter(path, referenceColumns);
