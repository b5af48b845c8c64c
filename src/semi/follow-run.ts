import type { Ranks } from "../train/index.ts";
import { semiContext } from "./context.ts";
import { fingerprintsFile, openFingerprints, otherFingerprints } from "./fingerprints.ts";
import type { SemiPlatform } from "./platform.ts";
import type { RunSemiOptions } from "./run-options.ts";
import { openStage } from "./stages/do-stage.ts";
import { calledStage } from "./stages/shared-stage.ts";

/** What a rank knows of a run besides what it is told. */
type FollowOptions = Pick<RunSemiOptions, "out" | "device" | "threads" | "workers" | "onNotice">;

/**
 * Trains what the first rank trains, which does all else of the run alone, and writes what comes of it. Ends when that one does.
 *
 * @throws what the stages throw
 */
export async function followRun(
  platform: SemiPlatform,
  { out, device = "cpu", threads, workers, onNotice }: FollowOptions,
  ranks: Ranks,
): Promise<void> {
  // Ends in the same exchange on every rank: what the first one does next has to be met.
  const { signal } = ranks;
  const storage = platform.storageFor(out);
  for (;;) {
    const called = await calledStage(ranks);
    if (!called) return;
    const { settings, stage, ranOn } = called;
    // The first rank has hashed the images, and left what it found.
    const known = [fingerprintsFile(storage, out), ...(await otherFingerprints(storage, out))];
    const context = semiContext({
      platform,
      settings,
      out,
      execution: { ...ranOn, device, threads, workers },
      fingerprints: await openFingerprints(platform, undefined, known),
      onNotice,
      signal,
      ranks,
    });
    if (signal.aborted) continue;
    try {
      const events = (await openStage(context, stage)).run();
      while (!(await events.next()).done);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
