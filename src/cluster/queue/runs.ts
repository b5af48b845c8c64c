import type { Job, Queue } from "bullmq";
import type { QueueServer } from "./redis.ts";

/** A run in a queue, as all versions write it. */
export interface QueuedRun {
  readonly name: string;
  /** Of this filling of the queue. */
  readonly id: string;
  /** Of the package that filled it. */
  readonly version: string;
  /** A hash of what is to be done. */
  readonly work: string;
}

/** What the keys of queues begin with. */
export const prefix = "ssl-resnext";

/** The table of the runs, by name. */
const table = `${prefix}-runs`;

/** The job that waits for all shards. */
export const mergeId = "merge";

/** All runs of a Redis, by name. */
export async function readRuns({ client }: QueueServer): Promise<ReadonlyMap<string, QueuedRun>> {
  const found = Object.entries(await client.hgetall(table));
  return new Map(found.map(([name, text]) => [name, parseRun(name, text)]));
}

const parseRun = (name: string, text: string): QueuedRun => ({
  ...(JSON.parse(text) as Omit<QueuedRun, "name">),
  name,
});

/** Takes a name for a run. @returns the run that has it. */
export async function claimRun({ client }: QueueServer, { name, ...run }: QueuedRun): Promise<QueuedRun> {
  await client.hsetnx(table, name, JSON.stringify(run));
  return parseRun(name, (await client.hget(table, name))!);
}

/** Gives a name to a run, whoever had it. */
export async function writeRun({ client }: QueueServer, { name, ...run }: QueuedRun): Promise<void> {
  await client.hset(table, name, JSON.stringify(run));
}

/** The queue of a run. To look at one that is gone leaves nothing in Redis. */
export const queueOf = ({ bullmq, client }: QueueServer, name: string): Queue => {
  const queue = new bullmq.Queue(name, { connection: client, prefix, skipMetasUpdate: true });
  // The client itself says when it is gone.
  queue.on("error", () => undefined);
  return queue;
};

/** The job that waits for all shards of a run; undefined where the queue was not filled. */
export async function mergeOf(queue: Queue): Promise<Job | undefined> {
  return (await queue.getJob(mergeId)) ?? undefined;
}

/** Removes what BullMQ writes of a queue that is gone while a worker still looks at it: the settings, which say nothing of jobs. */
export async function forgetQueue({ client }: QueueServer, name: string): Promise<void> {
  if (!(await client.hexists(table, name))) await client.del(`${prefix}:${name}:meta`);
}

/** Whether nothing of a run is left to do. */
export async function isOver(queue: Queue): Promise<boolean> {
  const counts = await queue.getJobCounts("wait", "active", "delayed", "waiting-children");
  return Object.values(counts).every((count) => count === 0);
}

/** Takes a run out of a Redis; its workers stop at it. @returns whether there was one */
export async function dropRun(server: QueueServer, name: string): Promise<boolean> {
  const queue = queueOf(server, name);
  try {
    await queue.obliterate({ force: true });
    return (await server.client.hdel(table, name)) > 0;
  } finally {
    await queue.close();
  }
}
