import type { SemiContext } from "../context.ts";
import type { Part } from "../events.ts";
import { readScoreHeader, scoreFileNames } from "../score/score-files.ts";
import { countedScores, plainPasses } from "../score/pruned-scores.ts";
import { fewRows } from "../select/select-images.ts";
import { selectionRule } from "../select/selection-options.ts";
import { defaultK } from "../select/selection.ts";

/** What pruning needs of a run. */
type PruneContext = Pick<SemiContext, "platform" | "storage" | "path" | "signal"> & {
  readonly settings: Pick<SemiContext["settings"], "k" | "ranking" | "threshold" | "method">;
};

/**
 * Takes the rows that can still be selected out of score files, by all that stand in their folder, so that selecting reads only these.
 * Where that turns out to be too few rows for the settings of a selection, it takes them itself.
 *
 * @param names The score files that were scored here.
 * @param part Which of the shards these are of, where others may not be scored yet.
 */
export async function pruneScored(
  { platform, storage, path, settings, signal }: PruneContext,
  folder: string,
  names: readonly string[],
  part?: Part,
): Promise<void> {
  // Others sort all rows.
  if (platform.selectImages === undefined || storage.path(path(folder)) === undefined) return;
  const own = new Set(names.map((name) => path(folder, name)));
  const files: { readonly path: string; readonly rows: number }[] = [];
  let classes: readonly string[] = [];
  let images = 0;
  let ownImages = 0;
  for (const name of await scoreFileNames(storage, path(folder))) {
    signal?.throwIfAborted();
    const file = path(folder, name);
    const header = await readScoreHeader(storage, file).catch(() => undefined);
    if (header === undefined) continue;
    const { facts, rows } = header;
    files.push({ path: file, rows });
    images += facts.images;
    if (own.has(file)) ownImages += facts.images;
    ({ classes } = facts);
  }
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  if (rows < fewRows) return;
  // The parts are about alike.
  const expected = Math.max(images, ownImages * (part?.count ?? 1));
  const { k, ranking, threshold, method } = settings;
  const { bound } = selectionRule({
    classes,
    images: expected,
    k: k ?? defaultK(expected, classes.length, method === "joint"),
    ranking,
    threshold,
  });
  const passes = plainPasses(platform.storageFor, signal);
  const counted = await countedScores(platform.storageFor, files, passes, signal);
  await counted.reaching(bound, counted.counts.bounds(bound), own);
}
