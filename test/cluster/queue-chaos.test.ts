import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import type { SemiJson } from "../../src/cli/semi/json.ts";
import type { WorkerJson } from "../../src/cli/worker/json.ts";
import { startWorker, writeScoredRun } from "../support/queued-run.ts";
import { networkTo, redisMissing, startRedis } from "../support/redis.ts";
import { ended, killSeed, onLines, runCli, startCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const missing = redisMissing();
const isLong = process.env["SSL_RESNEXT_LONG_TESTS"] !== undefined;
const shards = Number(process.env["SSL_RESNEXT_CHAOS_SHARDS"] ?? (isLong ? 60 : 40));
const workers = shards > 100 ? 4 : 3;
const folder = temporaryFolder();

describe.skipIf(missing !== undefined)(`a queue in trouble${missing ? `: ${missing}` : ""}`, () => {
  it(
    `scores each of ${shards} shards as one process does (seed ${killSeed})`,
    { timeout: 3_600_000 },
    async () => {
      const run = await writeScoredRun(folder, shards, 60);
      const undisturbed = await runCli(run.line("whole"));
      expect(undisturbed).toMatchObject({ code: 0 });

      mkdirSync(join(folder, "redis"));
      await using redis = await startRedis(join(folder, "redis"));
      await using network = await networkTo(redis.port);
      const random = seededRandom(killSeed);
      const starts = new Map<string, number>();
      const counts = { kills: 0, redis: 0, cuts: 0, left: 0 };
      const state = { done: 0, isOver: false };

      // Workers, of which each has another one in its place when it is killed.
      const busy = new Map<ReturnType<typeof startCli>, boolean>();
      const ends: Promise<unknown>[] = [];
      const keepWorker = async (): Promise<void> => {
        while (!state.isOver) {
          const child = startWorker(network.address);
          busy.set(child, false);
          onLines(child, (line: WorkerJson) => {
            if (line.type === "shard-started") starts.set(line.shard, (starts.get(line.shard) ?? 0) + 1);
            busy.set(child, line.type === "shard-started");
          });
          await ended(child);
          busy.delete(child);
        }
      };
      for (let i = 0; i < workers; i++) ends.push(keepWorker());

      // Whoever looks goes away once, and comes back.
      const line = run.line("queued", "--queue", network.address, "--name", "chaos", "--json");
      const look = async (): Promise<{ code: number | null; stderr: string; last: SemiJson | undefined }> => {
        const child = startCli(line, { NO_COLOR: "1" });
        let last: SemiJson | undefined;
        onLines(child, (event: SemiJson) => {
          last = event;
          if (event.type === "queue") state.done = event.done;
          if (state.done > shards / 2 && counts.left === 0) counts.left += Number(child.kill("SIGINT"));
        });
        return { ...(await ended(child)), last };
      };
      const watching = (async () => {
        let seen = await look();
        if (counts.left > 0) seen = await look();
        // Who comes back while there is no Redis is told so, and comes back later.
        while (/\[cluster\/(no-)?redis\]/.test(seen.stderr) && seen.code === 1) {
          await delay(500);
          seen = await look();
        }
        state.isOver = true;
        return seen;
      })();

      const every = shards > 100 ? 1000 : 1500;
      const troubles = [
        [1 / 5, "redis"],
        [1 / 3, "cuts"],
        ...(shards > 40
          ? ([
              [2 / 5, "redis"],
              [3 / 5, "redis"],
              [3 / 4, "cuts"],
            ] as const)
          : []),
      ] as (readonly [number, "redis" | "cuts"])[];
      // However fast the machine is, some of the workers die.
      const lastKill = { at: performance.now(), done: 0 };
      const isKillDue = (): boolean =>
        state.done < 0.9 * shards &&
        (performance.now() - lastKill.at >= every || state.done - lastKill.done >= shards / 8);
      while (!state.isOver) {
        await delay(250);
        const at = [...busy].filter(([, isBusy]) => isBusy).map(([child]) => child);
        if (at.length > 0 && isKillDue()) {
          counts.kills += Number(at[random.integer(at.length)]!.kill("SIGKILL"));
          Object.assign(lastKill, { at: performance.now(), done: state.done });
        }
        const [next] = troubles;
        if (!next || state.done < next[0] * shards) continue;
        troubles.shift();
        counts[next[1]]++;
        if (next[1] === "cuts") await network.cut(3000);
        else {
          await redis.kill("SIGKILL");
          await delay(1000);
          await redis.start();
        }
      }
      const { code, stderr, last } = await watching;
      for (const child of busy.keys()) child.kill("SIGTERM");
      await Promise.all(ends);

      const started = [...starts.values()].reduce((sum, count) => sum + count, 0);
      const repeats = started - shards;
      const disturbed = counts.kills + counts.redis + counts.cuts;
      const figures = { shards, ...counts, started, repeatsPerKill: repeats / disturbed };
      process.stdout.write(`${JSON.stringify(figures)}\n`);
      expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
      expect(last).toMatchObject({
        type: "queue-finished",
        counts: { shards, images: 60 * shards, broken: 0 },
        failed: 0,
      });
      expect(run.scores("queued")).toEqual(run.scores("whole"));
      expect(counts.kills).toBeGreaterThan(2);
      expect(troubles).toEqual([]);
      expect(repeats / disturbed).toBeLessThanOrEqual(1.1);
    },
  );
});
