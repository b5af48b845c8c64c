import { UsageError, version } from "../../core/index.ts";
import type { RunEnd, RunEvent } from "../../cluster/queue/start-run.ts";
import type { Part } from "../../data/index.ts";
import type { Outcome } from "../options/command.ts";
import type { QueueOptions } from "../options/queue.ts";
import { openQueueServer } from "../output/redis-notices.ts";
import type { Terminal } from "../output/terminal.ts";

/** A queue that is there, with a name for the run. */
export interface RunQueue {
  /** What the run is called there. */
  readonly name: string;
  /** Fills the queue unless that was done before, and tells how far the workers are until nothing is left. */
  run<Merged>(
    work: object,
    shares: readonly { readonly name: string }[],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<RunEvent, RunEnd<Merged>, undefined>;
}

/** What a queue cannot be told: each worker decides it for its own machine. */
interface OwnMachine {
  readonly part?: string | true | undefined;
  readonly device?: string | undefined;
  readonly threads?: number | undefined;
  readonly workers?: number | undefined;
}

/**
 * Does the work with the queue that is asked for, or without one; or takes a run out of it.
 *
 * @throws UsageError `usage/no-effect`, `cluster/run-exists`; ClusterError
 */
export async function withQueue(
  options: QueueOptions & OwnMachine,
  terminal: Terminal,
  work: (queue: RunQueue | undefined) => Promise<Outcome>,
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
      stood ? `run "${name}" is out of the queue` : `there was no run "${name}" in the queue`,
    ]);
    return "ok";
  }
  return await work({
    name,
    run(about, shares, signal) {
      terminal.signal.addEventListener("abort", () =>
        terminal.notice(`run ${name} goes on in the queue; the same command shows it again`),
      );
      return startRun(server, { name, version }, about, shares, signal);
    },
  });
}

/** The first part of as many as are asked for: who fills a queue looks whether it can be opened, and how many there can be. */
export const firstPart = ({ parts = 100 }: QueueOptions): Part => ({ index: 1, count: parts });

/** @throws UsageError `usage/no-effect` for one of the queue's options without the others */
function refuseAlone({ queue, name, drop, parts }: QueueOptions): void {
  if (queue !== undefined) {
    throw new UsageError("usage/no-effect", "--queue needs --name: what the run is called in the queue.");
  }
  const [given] = Object.entries({ drop: drop || undefined, parts, name }).find(([, value]) => value) ?? [];
  if (given === undefined) return;
  throw new UsageError(
    "usage/no-effect",
    name === undefined
      ? `--${given} needs --queue and --name: the Redis, and what the run is called there.`
      : `--${given} needs --queue: the Redis that has the run.`,
  );
}

/** @throws UsageError `usage/no-effect` for what the workers of a queue are told, and not who fills it */
function refuseBeside({ part, device, threads, workers }: OwnMachine): void {
  if (part !== undefined) {
    throw new UsageError(
      "usage/no-effect",
      "--part and --queue are two ways of sharing out the work; give one.",
    );
  }
  const given = { device: device !== undefined && device !== "cpu", threads, workers };
  const [unused] = Object.entries(given).find(([, value]) => value) ?? [];
  if (unused === undefined) return;
  throw new UsageError(
    "usage/no-effect",
    `--${unused}: no effect with --queue, as others do the work. Tell them: ssl-resnext worker --${unused} …`,
  );
}
