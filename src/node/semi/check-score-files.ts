import { DataError, UsageError } from "../../core/index.ts";
import type { ScoreFacts } from "../../semi/score-table.ts";
import { readScoreFacts } from "./read-score-facts.ts";

/**
 * Checks that score files are what they should be, and are of one teacher and these classes.
 *
 * @throws UsageError `semi/no-scores`; DataError `semi/other-teacher` or `semi/other-classes`; as `readScoreFacts`
 */
export async function checkScoreFiles(
  paths: readonly string[],
  classes: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  if (paths.length === 0) {
    throw new UsageError(
      "semi/no-scores",
      "expected at least one score file to select from, received none. Score the unlabelled images first.",
    );
  }
  let first: ScoreFacts | undefined;
  for (const path of paths) {
    signal?.throwIfAborted();
    const facts = await readScoreFacts(path);
    first ??= facts;
    if (facts.teacher.sha256 !== first.teacher.sha256) {
      throw new DataError(
        "semi/other-teacher",
        `${path}: expected scores of the teacher ${nameOf(first)} as in ${paths[0]}, received those of ${nameOf(facts)}. Score all shards with one teacher.`,
      );
    }
    const odd = differingClass(classes, facts.classes);
    if (odd !== undefined) {
      throw new DataError(
        "semi/other-classes",
        `${path}: expected the ${classes.length} classes of the labelled images, ${odd}. Score the shard with a teacher of these classes.`,
      );
    }
  }
}

const nameOf = ({ teacher: { name, sha256 } }: ScoreFacts): string => `${name} (${sha256.slice(0, 8)})`;

function differingClass(wanted: readonly string[], found: readonly string[]): string | undefined {
  if (wanted.length !== found.length) return `received ${found.length}`;
  const index = wanted.findIndex((name, i) => name !== found[i]);
  return index < 0 ? undefined : `"${wanted[index]}" at ${index}, received "${found[index]}" there`;
}
