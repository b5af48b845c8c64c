import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Job, Processor, Queue, Worker } from "bullmq";
import { ClusterError, DataError, SessionError, SslResnextError } from "../../core/index.ts";
import type { QueueServer } from "./redis.ts";
import { forgetQueue, mergeId, mergeOf, prefix, isOver, queueOf, readRuns, type QueuedRun } from "./runs.ts";
import { unlessAborted } from "./start-run.ts";

/** Does the shards of one run. */
interface RunScorer extends AsyncDisposable {
  score(
    shard: unknown,
    options: { readonly signal: AbortSignal; readonly onImage: () => void },
  ): Promise<unknown>;
  /** @param shards What came of them. */
  merge(name: string, shards: readonly unknown[]): Promise<unknown>;
}

/** What a worker does. */
export type WorkEvent =
  | { readonly type: "run-opened"; readonly run: string }
  | { readonly type: "run-refused"; readonly run: string; readonly code: string; readonly message: string }
  | { readonly type: "shard-started"; readonly run: string; readonly shard: string }
  | {
      readonly type: "shard-scored";
      readonly run: string;
      readonly shard: string;
      readonly result: unknown;
      readonly seconds: number;
    }
  | { readonly type: "shard-failed"; readonly run: string; readonly shard: string; readonly reason: string }
  | { readonly type: "shard-returned"; readonly run: string; readonly shard: string }
  | { readonly type: "run-merged"; readonly run: string };

interface WorkOptions {
  /** Of this package: runs of others are refused. */
  readonly version: string;
  /** Opens what scores a run; what it throws refuses the run for a while. */
  readonly open: (work: unknown, signal: AbortSignal) => Promise<RunScorer>;
  readonly onEvent: (event: WorkEvent) => void;
  /** Ends when nothing is left to do. @default false */
  readonly untilDone?: boolean;
  readonly signal: AbortSignal;
}

/** Milliseconds. */
const times = {
  betweenLooks: 1000,
  /** A run that was refused is tried again: its files may have come. */
  untilRetry: 30_000,
  /** Without a sign of its worker for so long a shard goes to another one. It gives one at least twice in it. */
  lock: 20_000,
  betweenChecks: 5000,
  /** How long a Redis that is gone may keep a worker from its end. */
  patience: 5000,
};

/** How many workers a shard may take with it before it is left out; machines that are taken away count, too. */
const maxStalledCount = 10;

/** How often a shard is given back for being refused to a machine that has done none yet, before it is tried as any other. */
const maxReturns = 10;

/** What a machine lacks, whatever it is asked to read: keys to an object store, the right time, the right region. */
const machineCodes: ReadonlySet<string> = new Set(["data/credentials", "data/clock", "data/region"]);

/**
 * Takes shards of all runs in a Redis, of each run one at a time, until it is told to stop; then the shards go back.
 *
 * A run of another version, or one that cannot be opened here, is refused once in words and left to other workers, before any of its
 * shards is taken.
 *
 * @returns the runs that were refused
 */
export async function work(server: QueueServer, options: WorkOptions): Promise<readonly string[]> {
  const { signal, untilDone = false } = options;
  const open = new Map<string, OpenRun>();
  const refused = new Map<string, Refusal>();
  try {
    while (!signal.aborted) {
      const runs = await unlessAborted(readRuns(server), signal);
      for (const [name, own] of open) {
        const failure = own.failure();
        const isDone = runs.get(name)?.id !== own.id || (await unlessAborted(isOver(own.queue), signal));
        if (!failure && !isDone) continue;
        open.delete(name);
        await own.close();
        if (failure) refuse(name, own.id, failure, options, refused);
        else refused.delete(name);
      }
      for (const name of refused.keys()) if (!runs.has(name)) refused.delete(name);
      for (const run of runs.values()) {
        if (!open.has(run.name)) await openRun(server, run, options, open, refused);
      }
      if (untilDone && open.size === 0) break;
      await delay(times.betweenLooks, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await Promise.race([
      Promise.all([...open.values()].map((own) => own.close())),
      delay(times.patience, undefined, { ref: false }),
    ]);
  }
  return [...refused.keys()];
}

interface Refusal {
  readonly id: string;
  readonly message: string;
  readonly until: number;
}

/** Opens a run that has something left to do, or refuses it. */
async function openRun(
  server: QueueServer,
  run: QueuedRun,
  options: WorkOptions,
  open: Map<string, OpenRun>,
  refused: Map<string, Refusal>,
): Promise<void> {
  const { name, id } = run;
  const before = refused.get(name);
  if (before?.id === id && performance.now() < before.until) return;
  const queue = queueOf(server, name);
  try {
    if (run.version !== options.version) throw otherVersion(run, options.version);
    const merge = await unlessAborted(mergeOf(queue), options.signal);
    if (!merge || (await unlessAborted(isOver(queue), options.signal))) {
      await queue.close();
      return;
    }
    const scorer = await options.open(merge.data, options.signal);
    open.set(name, takeShards(server, queue, run, scorer, options));
    options.onEvent({ type: "run-opened", run: name });
  } catch (error) {
    await queue.close();
    options.signal.throwIfAborted();
    if (!(error instanceof SslResnextError)) throw error;
    refuse(name, id, error, options, refused);
  }
}

/** Leaves a run to others for a while, and says so unless it was said before. */
function refuse(
  name: string,
  id: string,
  { code, message }: SslResnextError,
  { onEvent }: WorkOptions,
  refused: Map<string, Refusal>,
): void {
  const before = refused.get(name);
  const isNews = before?.id !== id || before.message !== message;
  if (isNews) onEvent({ type: "run-refused", run: name, code, message });
  refused.set(name, { id, message, until: performance.now() + times.untilRetry });
}

function otherVersion({ name, version }: QueuedRun, own: string): ClusterError {
  return new ClusterError(
    "cluster/other-version",
    `run ${name} was begun by version ${version} of this package, and this worker is ${own}: its shards are left to others. Install version ${version} here to help.`,
  );
}

/** A run whose shards are taken. */
interface OpenRun {
  readonly id: string;
  readonly queue: Queue;
  /** Why it cannot be gone on with here, if that came out. */
  failure(): SslResnextError | undefined;
  /** Gives back the shard that is in work. */
  close(): Promise<void>;
}

function takeShards(
  server: QueueServer,
  queue: Queue,
  { name, id }: QueuedRun,
  scorer: RunScorer,
  { onEvent, signal: stop }: WorkOptions,
): OpenRun {
  const { bullmq, client } = server;
  const closing = new AbortController();
  const signal = AbortSignal.any([stop, closing.signal]);
  let scored = 0;
  let failure: SslResnextError | undefined;
  const take: Processor = async (job, token) => {
    const shard = (job.data as { readonly name?: string }).name ?? "";
    try {
      if (job.id === mergeId) return await scorer.merge(name, Object.values(await job.getChildrenValues()));
      onEvent({ type: "shard-started", run: name, shard });
      const began = performance.now();
      await using progress = progressOf(job, client);
      const result = await scorer.score(job.data, { signal, onImage: progress.count });
      scored++;
      const seconds = (performance.now() - began) / 1000;
      onEvent({ type: "shard-scored", run: name, shard, result, seconds });
      return result;
    } catch (error) {
      if (isOfMachine(error, scored === 0 && job.attemptsStarted <= maxReturns)) {
        failure = error;
        await worker.pause(true);
      }
      if (signal.aborted || failure) {
        await job.moveToWait(token);
        if (job.id !== mergeId) onEvent({ type: "shard-returned", run: name, shard });
        throw new bullmq.WaitingError();
      }
      throw named(error);
    }
  };
  const worker: Worker = new bullmq.Worker(name, take, {
    connection: client,
    prefix,
    name: `${hostname()}:${process.pid}`,
    lockDuration: times.lock,
    stalledInterval: times.betweenChecks,
    maxStalledCount,
    runRetryDelay: times.betweenLooks,
  });
  // A connection that is gone is told by the client; a lock that was lost is taken by another worker, which writes the same file.
  worker.on("error", () => undefined);
  worker.on("failed", (job, { message }) => {
    if (job && job.id !== mergeId) {
      const shard = (job.data as { readonly name: string }).name;
      onEvent({ type: "shard-failed", run: name, shard, reason: message });
    }
  });
  worker.on("completed", ({ id: job }) => {
    if (job === mergeId) onEvent({ type: "run-merged", run: name });
  });
  return {
    id,
    queue,
    failure: () => failure,
    async close() {
      closing.abort();
      // A Redis that is gone takes nothing back; the lock of the shard ends by itself.
      await worker.close(client.status !== "ready");
      if (client.status === "ready") await forgetQueue(server, name);
      await queue.close();
      await scorer[Symbol.asyncDispose]();
    },
  };
}

/** Says once a second how many images of a shard are done. */
function progressOf(
  job: Job,
  client: QueueServer["client"],
): AsyncDisposable & { readonly count: () => void } {
  let images = 0;
  let told = 0;
  let telling: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    // What is told to a Redis that is gone would wait for it.
    if (images === told || client.status !== "ready") return;
    told = images;
    telling = job.updateProgress(images).catch(() => undefined);
  }, times.betweenLooks);
  return {
    count: () => void images++,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await Promise.race([telling, delay(times.patience, undefined, { ref: false })]);
    },
  };
}

/** Whether the machine is to blame, and no shard. @param isNew Whether nothing was scored here yet, so that all of them may be refused. */
function isOfMachine(error: unknown, isNew: boolean): error is SslResnextError {
  // No such device, or too little memory.
  if (error instanceof SessionError) return isNew;
  if (!(error instanceof DataError)) return false;
  return machineCodes.has(error.code) || (isNew && error.code === "data/permission");
}

/** An error whose code stands in its message, which is all that a queue keeps of it. */
function named(error: unknown): Error {
  if (error instanceof SslResnextError)
    return new Error(`${error.message} [${error.code}]`, { cause: error });
  return error instanceof Error ? error : new Error(String(error));
}
