import { SslResnextError } from "../../core/index.ts";
import type { Part } from "../../data/index.ts";
import type { SemiContext } from "../context.ts";
import { scoreFileNames } from "../score/score-files.ts";
import { selectionRule } from "../select/selection-options.ts";
import { defaultK } from "../select/selection.ts";

/** What pruning needs of a run. */
type PruneContext = Pick<SemiContext, "platform" | "storage" | "path" | "signal"> & {
  readonly settings: Pick<SemiContext["settings"], "k" | "ranking" | "threshold" | "method">;
};

/** What is pruned, and of what that is a part. */
interface Scored {
  /** Folder of the score files. */
  readonly folder: string;
  /** Names of those that are pruned, unless they are already. */
  readonly names: readonly string[];
  readonly classes: readonly string[];
  /** Which of the shards these are of, where others may not be scored yet. */
  readonly part?: Part | undefined;
}

/**
 * Takes the rows that can still be selected out of score files, by the bounds of all that stand in their folder, so that selecting reads
 * only these. Where they turn out to be too few for a selection, it takes more itself.
 */
export async function pruneScored(
  { platform, storage, path, settings, signal }: PruneContext,
  { folder, names, classes, part }: Scored,
): Promise<void> {
  const at = (name: string): string => path(folder, name);
  if (names.length === 0 || !platform.pruneScores || storage.path(path(folder)) === undefined) return;
  const { k, ranking, threshold, method } = settings;
  try {
    await platform.pruneScores({
      scores: (await scoreFileNames(storage, path(folder))).map(at),
      wanted: names.map(at),
      classes,
      boundOf(all, own) {
        // The parts are about alike.
        const images = Math.max(all, own * (part?.count ?? 1));
        const wanted = k ?? defaultK(images, classes.length, method === "joint");
        return selectionRule({ classes, images, k: wanted, ranking, threshold }).bound;
      },
      signal,
    });
  } catch (error) {
    signal?.throwIfAborted();
    // It only saves time: what is wrong with the files, selecting says.
    if (!(error instanceof SslResnextError)) throw error;
  }
}
