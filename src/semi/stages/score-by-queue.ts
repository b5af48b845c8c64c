import { absoluteModel, absolutePath } from "../settings/absolute-paths.ts";
import type { SemiContext } from "../context.ts";
import type { QueueEvent, SemiEvent } from "../events.ts";
import type { ScoreStage } from "../plan/stage.ts";
import type { MergedShards, QueuedShard, QueuedWork } from "../score/queued-shards.ts";
import { openModels } from "../score/scoring.ts";
import { listUnread } from "../score/shards.ts";
import { scoringOf, teacherFile } from "./score.ts";

/** A stage that scores, and what it is done with. */
export interface ScoringStage {
  readonly context: SemiContext;
  readonly stage: ScoreStage;
}

/** A queue from which other processes take shards; `src/cluster/queue` has one. */
export interface ShardQueue {
  /** What the run is called there. */
  readonly name: string;
  /**
   * Fills the queue, unless an earlier process has done so, and tells how far the others are until the last shard is scored or
   * failed. Who stops listening leaves the queue as it is.
   *
   * @returns what they made of the shards.
   */
  run(
    work: QueuedWork,
    shards: readonly QueuedShard[],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<QueueEvent, { readonly merged: MergedShards; readonly failed: number }, undefined>;
}

/**
 * Lets other processes score all shards. What there is once for all shards is left to the stage itself.
 *
 * @throws what opening the teachers throws, before anything is queued; what the queue throws
 */
export async function* scoreByQueue(
  stages: readonly ScoringStage[],
  queue: ShardQueue,
): AsyncGenerator<SemiEvent, void, undefined> {
  const [first] = stages;
  if (!first) return;
  const { platform, out, execution, signal } = first.context;
  const { storageFor } = platform;
  const shards: QueuedShard[] = [];
  const scorings = [];
  for (const { context, stage } of stages) {
    const teacher = await teacherFile(context, stage.needs[0]);
    const scoring = await scoringOf(context, stage, teacher);
    // Whether the teacher knows the classes is said here, and not by each worker.
    await (await openModels(platform, execution, scoring))[Symbol.asyncDispose]();
    const index = scorings.length;
    for (const shard of await listUnread(context)) shards.push({ ...shard, scoring: index });
    scorings.push({
      ...scoring,
      folder: absolutePath(storageFor, scoring.folder),
      teacher: { ...teacher, path: absoluteModel(storageFor, teacher.path) },
    });
  }
  const work = { out: absolutePath(storageFor, out), scorings };
  const { merged, failed } = yield* queue.run(work, shards, signal);
  const { stood, ...counts } = merged;
  yield { type: "queue-finished", name: queue.name, counts, stood, failed };
}
