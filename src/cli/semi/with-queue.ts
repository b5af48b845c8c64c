import { UsageError, version } from "../../core/index.ts";
import type { ShardQueue } from "../../semi/stages/score-by-queue.ts";
import type { MergedShards } from "../../semi/score/queued-shards.ts";
import type { Outcome } from "../options/command.ts";
import { openQueueServer } from "../output/redis-notices.ts";
import type { Terminal } from "../output/terminal.ts";
import type { SemiOptions } from "./options.ts";

/**
 * Does the work with the queue that is asked for, or without one; or takes a run out of it.
 *
 * @throws UsageError `usage/no-effect`, `cluster/run-exists`; ClusterError
 */
export async function withQueue(
  options: SemiOptions,
  terminal: Terminal,
  work: (queue: ShardQueue | undefined) => Promise<Outcome>,
): Promise<Outcome> {
  const { queue: address, name, drop = false } = options;
  if (address === undefined || name === undefined) {
    refuseAlone(options);
    return work(undefined);
  }
  refuseBeside(options);
  const { startRun } = await import("../../cluster/queue/start-run.ts");
  using server = await openQueueServer(address, terminal);
  if (drop) {
    const { dropRun } = await import("../../cluster/queue/runs.ts");
    const stood = await dropRun(server, name);
    await terminal.print([
      stood ? `run ${name} is out of the queue` : `there was no run ${name} in the queue`,
    ]);
    return "ok";
  }
  terminal.signal.addEventListener("abort", () =>
    terminal.notice(`run ${name} goes on in the queue; the same command shows it again`),
  );
  return await work({
    name,
    run: (about, shards, signal) => startRun<MergedShards>(server, { name, version }, about, shards, signal),
  });
}

/** @throws UsageError `usage/no-effect` for one of the queue's options without the others */
function refuseAlone({ queue, name, drop }: SemiOptions): void {
  if (queue !== undefined) {
    throw new UsageError("usage/no-effect", "--queue needs --name: what the run is called in the queue.");
  }
  if (name === undefined && !drop) return;
  throw new UsageError(
    "usage/no-effect",
    `${drop ? "--drop" : "--name"} needs --queue and --name: the Redis, and what the run is called there.`,
  );
}

/** @throws UsageError `usage/no-effect` for what the workers of a queue are told, and not who fills it */
function refuseBeside({ part, device, threads, workers }: SemiOptions): void {
  if (part !== undefined) {
    throw new UsageError(
      "usage/no-effect",
      "--part and --queue are two ways of sharing out the shards; give one.",
    );
  }
  const given = { device: device !== "cpu", threads, workers };
  const [unused] = Object.entries(given).find(([, value]) => value) ?? [];
  if (unused === undefined) return;
  throw new UsageError(
    "usage/no-effect",
    `--${unused}: no effect with --queue, as others score the shards. Tell them: ssl-resnext worker --${unused} …`,
  );
}
