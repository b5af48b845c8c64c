import { scoreColumns, scoreFactsKey, type ScoreFacts, type ScoreRow } from "../../semi/score-table.ts";
import { openTableWriter } from "./table-writer.ts";

/** A score file under way, which appears at its path when it is closed. */
export interface ScoreWriter {
  /** Takes rows in the order of the file: by position, then rank. */
  write(rows: Iterable<ScoreRow>): Promise<void>;
  /** Completes the file with what is known at its end. */
  close(facts: ScoreFacts): Promise<void>;
  /** Removes what was written; an earlier file stays as it was. */
  abort(): Promise<void>;
}

/**
 * Begins a score file.
 *
 * @throws DataError when the folder does not exist, may not be written to, or the disk is full
 */
export async function openScoreWriter(path: string): Promise<ScoreWriter> {
  const table = await openTableWriter(path, scoreColumns);
  return {
    write: (rows) => table.write(rows),
    close: (facts) => table.close([{ key: scoreFactsKey, value: JSON.stringify(facts) }]),
    abort: () => table.abort(),
  };
}
