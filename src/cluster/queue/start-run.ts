import { createHash, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { FlowJob, Job, Queue } from "bullmq";
import { ClusterError, UsageError } from "../../core/index.ts";
import type { QueueServer } from "./redis.ts";
import { claimRun, dropRun, mergeId, mergeOf, prefix, queueOf, writeRun, type QueuedRun } from "./runs.ts";

/** How often a shard is tried before it is left out. */
const attempts = 3;

/** How far the shards of a run are. */
export type RunEvent =
  | { readonly type: "queue-filled"; readonly name: string; readonly shards: number; readonly stood: boolean }
  | ({ readonly type: "queue" } & RunProgress)
  | { readonly type: "shard-failed"; readonly shard: string; readonly reason: string };

interface RunProgress {
  readonly done: number;
  readonly total: number;
  readonly failed: number;
  readonly workers: number;
  readonly images: number;
  readonly imagesPerSecond: number;
  readonly secondsLeft?: number;
}

/** A shard as it is queued: what else it holds is the workers' affair. */
interface NamedShard {
  readonly name: string;
}

/** What workers say of a shard that is done. */
interface DoneShard {
  readonly images: number;
}

/** What is left when all shards are done. */
export interface RunEnd<Merged> {
  /** What the worker made of the shards that did the last job. */
  readonly merged: Merged;
  readonly failed: number;
}

/** Milliseconds. */
const betweenLooks = 1000;

/**
 * Fills the queue of a run, unless it was filled by the same call before, and tells how far it is until nothing is left; then the run
 * is taken out of Redis. Who stops listening leaves the run as it is, and may come back.
 *
 * @param work What the workers have to know besides the shards. Both go through JSON.
 * @throws UsageError `cluster/run-exists` where another run has the name; ClusterError `cluster/run-gone` when the run is taken out
 *   of Redis or lost there, `cluster/merge` when the last job fails
 */
export async function* startRun<Merged>(
  server: QueueServer,
  { name, version }: Pick<QueuedRun, "name" | "version">,
  work: object,
  shards: readonly NamedShard[],
  signal: AbortSignal | undefined,
): AsyncGenerator<RunEvent, RunEnd<Merged>, undefined> {
  const hash = createHash("sha256")
    .update(JSON.stringify([work, shards]))
    .digest("hex");
  const run: QueuedRun = { name, id: randomUUID(), version, work: hash };
  const queue = queueOf(server, name);
  try {
    const stood = await unlessAborted(standsAlready(server, queue, run), signal);
    if (!stood) await unlessAborted(fill(server, queue, run, work, shards), signal);
    yield { type: "queue-filled", name, shards: shards.length, stood };
    const end = yield* watch<Merged>(queue, signal);
    await dropRun(server, name);
    return end;
  } finally {
    await Promise.race([queue.close(), delay(betweenLooks, undefined, { ref: false })]);
  }
}

/** Whether this very run is in its queue already. @throws UsageError `cluster/run-exists` */
async function standsAlready(server: QueueServer, queue: Queue, run: QueuedRun): Promise<boolean> {
  const standing = await claimRun(server, run);
  const merge = await mergeOf(queue);
  // One whose last job failed is done again.
  const isFailed = await merge?.isFailed();
  if (standing.work === run.work && standing.version === run.version) return !!merge && !isFailed;
  if (isFailed || (await merge?.isCompleted())) return false;
  const difference =
    standing.version === run.version
      ? "it does something else: other images, settings, or another folder"
      : `version ${standing.version} of this package began it, and this is ${run.version}`;
  throw new UsageError(
    "cluster/run-exists",
    `--name ${run.name}: the queue at ${server.address} has a run of this name that is not finished, and ${difference}. Give another name; or take that run out with --drop first.`,
  );
}

/** Puts all shards into the queue, and behind them the job that waits for them: all or nothing. */
async function fill(
  server: QueueServer,
  queue: Queue,
  run: QueuedRun,
  work: object,
  shards: readonly NamedShard[],
): Promise<void> {
  const { name } = run;
  // What a finished run left, or one that was not taken out to its end.
  await queue.obliterate({ force: true });
  await writeRun(server, run);
  const flow = new server.bullmq.FlowProducer({ connection: server.client, prefix });
  flow.on("error", () => undefined);
  const retried = { backoff: { type: "exponential", delay: 1000 }, stackTraceLimit: 1 } as const;
  const children = shards.map((data, index): FlowJob => ({
    name: "score",
    queueName: name,
    data,
    opts: { ...retried, jobId: `shard-${index}`, attempts, ignoreDependencyOnFailure: true },
  }));
  await flow.add({
    name: "merge",
    queueName: name,
    data: work,
    opts: { ...retried, jobId: mergeId, attempts },
    children,
  });
  await flow.close();
}

async function* watch<Merged>(
  queue: Queue,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunEvent, RunEnd<Merged>, undefined> {
  const named = new Set<string>();
  const images = imageCounter(queue);
  const speed = speedometer();
  for (;;) {
    const merge = await unlessAborted(mergeOf(queue), signal);
    if (!merge) throw gone(queue.name);
    const failures = await unlessAborted(queue.getFailed(), signal);
    for (const job of failures) {
      if (job.id === mergeId || named.has(job.id!)) continue;
      named.add(job.id!);
      yield { type: "shard-failed", shard: (job.data as NamedShard).name, reason: reasonOf(job) };
    }
    yield { type: "queue", ...(await unlessAborted(progressOf(queue, merge, images, speed), signal)) };
    // Of the job as it was when it was asked for: those that failed were asked for later. One that failed before still says why.
    if (merge.returnvalue !== null && merge.returnvalue !== undefined) {
      return { merged: merge.returnvalue as Merged, failed: named.size };
    }
    const lost = failures.find(({ id }) => id === mergeId);
    if (lost) {
      throw new ClusterError(
        "cluster/merge",
        `${queue.name}: all shards are done, and the last job failed: ${reasonOf(lost)} Start the run again.`,
      );
    }
    await delay(betweenLooks, undefined, { signal });
  }
}

function gone(name: string): ClusterError {
  return new ClusterError(
    "cluster/run-gone",
    `${name}: the run is no longer in the queue: another process has shown its end, somebody has taken it out with --drop, or Redis has lost it. Files that are written stay. To fill the queue again, give the same command again.`,
  );
}

function reasonOf({ failedReason }: Job): string {
  return failedReason.includes("stalled more than")
    ? "The workers that took it died, one after the other; it may need more memory than they have."
    : failedReason;
}

async function progressOf(
  queue: Queue,
  merge: Job,
  countImages: () => Promise<number>,
  speedOf: (done: number, images: number) => Speed,
): Promise<RunProgress> {
  const { processed = 0, ignored = 0, unprocessed = 0 } = await merge.getDependenciesCount();
  const done = processed + ignored;
  const images = await countImages();
  const { imagesPerSecond, shardsPerSecond } = speedOf(done, images);
  return {
    done,
    total: done + unprocessed,
    failed: ignored,
    workers: await queue.getWorkersCount(),
    images,
    imagesPerSecond,
    ...(shardsPerSecond > 0 ? { secondsLeft: unprocessed / shardsPerSecond } : {}),
  };
}

/** Counts the images of shards that are done, each once, and of those in work. */
function imageCounter(queue: Queue): () => Promise<number> {
  const page = 1000;
  let shards = 0;
  let images = 0;
  return async () => {
    for (;;) {
      const jobs = await queue.getJobs(["completed"], shards, shards + page - 1, true);
      for (const job of jobs) if (job.id !== mergeId) images += (job.returnvalue as DoneShard).images;
      shards += jobs.length;
      if (jobs.length < page) break;
    }
    const active = await queue.getActive();
    return active.reduce((sum, { progress }) => sum + (typeof progress === "number" ? progress : 0), images);
  };
}

interface Speed {
  readonly imagesPerSecond: number;
  readonly shardsPerSecond: number;
}

/** The speed over the last minute. */
function speedometer(): (shards: number, images: number) => Speed {
  const seen: { readonly at: number; readonly shards: number; readonly images: number }[] = [];
  return (shards, images) => {
    const at = performance.now();
    seen.push({ at, shards, images });
    while (at - seen[0]!.at > 60_000) seen.shift();
    const first = seen[0]!;
    const seconds = Math.max(1, (at - first.at) / 1000);
    return {
      // What was in work with a worker that died counts no more.
      imagesPerSecond: Math.max(0, images - first.images) / seconds,
      shardsPerSecond: (shards - first.shards) / seconds,
    };
  };
}

/** The same, or the reason of the abort: what is asked of a Redis that is gone waits for it. */
export async function unlessAborted<Value>(
  pending: Promise<Value>,
  signal: AbortSignal | undefined,
): Promise<Value> {
  if (!signal) return pending;
  const ended = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const fail = (): void => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { signal: ended.signal });
  });
  try {
    return await Promise.race([pending, aborted]);
  } finally {
    ended.abort();
    pending.catch(() => undefined);
  }
}
