import type { WorkEvent } from "../../cluster/queue/work.ts";
import { printable, UsageError, version } from "../../core/index.ts";
import { nodeSemiPlatform } from "../../node/semi.ts";
import {
  shardScorers,
  type QueuedShard,
  type QueuedWork,
  type ScoredShard,
  type ShardScorer,
} from "../../semi/score/queued-shards.ts";
import type { Outcome } from "../options/command.ts";
import { redisAddress } from "../options/schemas.ts";
import { plural } from "../output/numbers.ts";
import { openQueueServer } from "../output/redis-notices.ts";
import { printUnlessAborted, type Terminal } from "../output/terminal.ts";
import type { QueuedCommand, QueuedPart } from "../queue/do-by-queue.ts";
import type { DonePart, PartWorker } from "../queue/part-worker.ts";
import type { WorkerJson } from "./json.ts";
import type { WorkerOptions } from "./options.ts";

/** Takes shards and parts from a queue and does what is asked of them, until it is told to stop. */
export async function worker(
  [address = ""]: readonly string[],
  { untilDone, json, device, workers, threads }: WorkerOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const { error } = redisAddress.safeParse(address);
  if (error)
    throw new UsageError(
      "usage/invalid-option",
      `${error.issues[0]!.message}; got ${JSON.stringify(address)}.`,
    );
  const { work } = await import("../../cluster/queue/work.ts");
  using server = await openQueueServer(address, terminal);
  const plan = { workers, threadsPerWorker: threads };
  const scorerOf = shardScorers(nodeSemiPlatform, { device, plan });
  const open = async (queued: unknown, signal: AbortSignal): Promise<ShardScorer | PartWorker> => {
    const about = queued as QueuedWork | QueuedCommand;
    if ("scorings" in about) return scorerOf(about, signal);
    const { openPartWorker } = await import("../queue/part-worker.ts");
    return openPartWorker(about, { device, workers, threads }, terminal, signal);
  };
  let printed = Promise.resolve();
  const refused = await work(server, {
    version,
    open: async (queued, signal) => {
      const scorer = await open(queued, signal);
      return {
        ...scorer,
        score: (shard, options) => scorer.score(shard as QueuedShard & QueuedPart, options),
        merge: (name, shards) => scorer.merge(name, shards as readonly (ScoredShard & DonePart)[]),
      };
    },
    onEvent(event) {
      notice(event, terminal);
      const lines = json ? [JSON.stringify(entryOf(event))] : linesOf(event);
      printed = printed.then(() => printUnlessAborted(lines, terminal));
    },
    untilDone,
    signal: terminal.signal,
  });
  await printed;
  terminal.signal.throwIfAborted();
  return refused.length > 0 ? "failed" : "ok";
}

function entryOf(event: WorkEvent): WorkerJson {
  if (event.type !== "shard-scored") return event;
  const { result, ...rest } = event;
  const { images, broken, stood } = result as ScoredShard;
  return { ...rest, images, broken, stood };
}

function linesOf(event: WorkEvent): readonly string[] {
  const run = printable(event.run);
  switch (event.type) {
    case "run-opened":
      return [`${run}: shards are taken`];
    case "run-merged":
      return [`${run}: all shards are done`];
    case "shard-scored": {
      const { images, broken, stood } = event.result as ScoredShard;
      const unread = broken === 0 ? "" : `, ${broken} of them broken`;
      const speed = stood ? "stood before" : `${((images + broken) / event.seconds).toFixed(1)}/s`;
      return [`${run}: ${printable(event.shard)}: ${plural(images + broken, "image")}${unread}, ${speed}`];
    }
    case "run-refused":
    case "shard-started":
    case "shard-failed":
    case "shard-returned":
      break;
  }
  return [];
}

/** Says what those should know who do not read the results. */
function notice(event: WorkEvent, terminal: Terminal): void {
  const style = terminal.noticeStyle;
  if (event.type === "run-refused") {
    terminal.notice(`${style.failure("error:")} ${printable(event.message)} ${style.dim(`[${event.code}]`)}`);
  }
  if (event.type === "shard-failed") {
    terminal.notice(
      `${style.failure("failed:")} ${event.run}: ${printable(event.shard)}: ${printable(event.reason)}`,
    );
  }
  if (event.type === "shard-returned")
    terminal.notice(`${event.run}: ${printable(event.shard)} goes back into the queue`);
}
