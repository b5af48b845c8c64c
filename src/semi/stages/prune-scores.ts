import { SslResnextError } from "../../core/index.ts";
import type { SemiContext } from "../context.ts";
import type { Part } from "../../data/index.ts";
import { readScores } from "../score/score-files.ts";
import { selectionRule, type PruneScores } from "../select/selection-options.ts";
import { defaultK } from "../select/selection.ts";

/** What pruning needs of a run. */
type PruneContext = Pick<SemiContext, "platform" | "storage" | "path" | "signal"> & {
  readonly settings: Pick<SemiContext["settings"], "k" | "ranking" | "threshold" | "method">;
};

/**
 * Takes the rows that can still be selected out of score files, by the bounds of all that stand in their folder, so that selecting reads
 * only these. Where they turn out to be too few for a selection, it takes more itself.
 *
 * @param names The score files that were scored here.
 * @param part Which of the shards these are of, where others may not be scored yet.
 */
export async function pruneScored(
  context: PruneContext,
  folder: string,
  names: readonly string[],
  part?: Part,
): Promise<void> {
  const { platform, storage, path } = context;
  if (names.length === 0 || !platform.pruneScores || storage.path(path(folder)) === undefined) return;
  try {
    await prune(context, platform.pruneScores, folder, names, part);
  } catch (error) {
    // It only saves time: what is wrong with the files, selecting says.
    if (!(error instanceof SslResnextError)) throw error;
  }
}

async function prune(
  { storage, path, settings: { k, ranking, threshold, method }, signal }: PruneContext,
  pruneScores: PruneScores,
  folder: string,
  names: readonly string[],
  part: Part | undefined,
): Promise<void> {
  const files = await readScores(storage, path(folder));
  const own = new Set(names.map((name) => path(folder, name)));
  const imagesOf = (some: typeof files): number => some.reduce((sum, { facts }) => sum + facts.images, 0);
  // The parts are about alike.
  const expected = imagesOf(files.filter((file) => own.has(file.path))) * (part?.count ?? 1);
  const images = Math.max(imagesOf(files), expected);
  const { classes } = files[0]!.facts;
  const { bound } = selectionRule({
    classes,
    images,
    k: k ?? defaultK(images, classes.length, method === "joint"),
    ranking,
    threshold,
  });
  await pruneScores({ scores: files.map((file) => file.path), wanted: [...own], classes, bound, signal });
}
