import { DataError } from "../../core/index.ts";
import { scoreColumns, scoreFactsKey, scoreFactsSchema, type ScoreFacts } from "../../semi/score-table.ts";
import { readTableMetadata } from "./table-metadata.ts";

/**
 * What a score file says of itself.
 *
 * @throws DataError `semi/table` when it is no Parquet table with the columns of a score file, or `semi/scores` when
 *   it does not say what it is; as `openFileSource` does when it cannot be opened
 */
export async function readScoreFacts(path: string): Promise<ScoreFacts> {
  const metadata = await readTableMetadata(path, scoreColumns);
  const text = metadata.key_value_metadata?.find(({ key }) => key === scoreFactsKey)?.value;
  const facts = scoreFactsSchema.safeParse(parseJson(text));
  if (facts.success) return facts.data;
  const what = text === undefined ? "none" : facts.error.issues[0]!.message;
  throw new DataError(
    "semi/scores",
    `${path}: expected the facts of a score file under "${scoreFactsKey}" in its metadata, received ${what}. Score the shard again.`,
  );
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
