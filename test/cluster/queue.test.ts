import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SemiJson } from "../../src/cli/semi/json.ts";
import type { WorkerJson } from "../../src/cli/worker/json.ts";
import { durabilityWarning, openServer, type QueueServer } from "../../src/cluster/queue/redis.ts";
import { dropRun, prefix } from "../../src/cluster/queue/runs.ts";
import { startRun } from "../../src/cluster/queue/start-run.ts";
import { work } from "../../src/cluster/queue/work.ts";
import { version } from "../../src/core/index.ts";
import { packageCopy } from "../support/package-copy.ts";
import { fillQueue, startWorker, writeScoredRun, type ScoredRun } from "../support/queued-run.ts";
import { redisMissing, startRedis, type RedisServer } from "../support/redis.ts";
import { ended, jsonLines, onLines, runCli, startCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const missing = redisMissing();
const folder = temporaryFolder();
const at = (...names: readonly string[]): string => join(folder, ...names);
const shards = 6;

describe("a queue is refused", () => {
  it("where no Redis is, or what answers is none, in one line", async () => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    const rude = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")).listen(
      0,
      "127.0.0.1",
    );
    await delay(50);
    const portOf = (server: typeof silent): number => (server.address() as AddressInfo).port;
    const tries = [
      ["redis://127.0.0.1:1", "cluster/no-redis", "start one there: redis-server --port 1 --appendonly yes"],
      ["rediss://127.0.0.1:1", "cluster/no-redis", "redis-server --port 0 --tls-port 1 --tls-cert-file"],
      [`redis://:secret@127.0.0.1:${portOf(rude)}`, "cluster/redis", "cannot be used as a Redis"],
      [`redis://127.0.0.1:${portOf(silent)}`, "cluster/redis", "cannot be used as a Redis"],
    ] as const;
    for (const [address, code, words] of tries) {
      const { code: exit, stderr } = await runCli(["worker", address]);
      expect({ exit, stderr }).toEqual({ exit: 1, stderr: expect.stringContaining(words) as string });
      expect(stderr).toContain(`[${code}]`);
      expect(stderr).not.toContain("secret");
      expect(stderr.trim().split("\n")).toHaveLength(1);
    }
    silent.close();
    rude.close();
  });

  it.each([
    ["worker http://host", "usage/invalid-option", /expected the address of a Redis/],
    [
      "semi score -o run --queue host:6379",
      "usage/invalid-option",
      /--queue: expected the address of a Redis/,
    ],
    ["semi score -o run --queue redis://host", "usage/no-effect", /--queue needs --name/],
    ["semi score -o run --name first", "usage/no-effect", /--name needs --queue:/],
    ["semi score -o run --drop", "usage/no-effect", /--drop needs --queue/],
    [
      "semi score -o run --queue redis://host --name a:b",
      "usage/invalid-option",
      /--name: expected a name of/,
    ],
    ["semi score -o run --queue redis://host --name a --part 1/2", "usage/no-effect", /two ways of sharing/],
    ["semi score -o run --queue redis://host --name a --device webgpu", "usage/no-effect", /worker --device/],
  ])("when the command line makes no sense: %s", async (line, code, message) => {
    const { code: exit, stderr } = await runCli(line.split(" "));
    expect([exit, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect(stderr).toContain(`[${code}]`);
  });

  it("without bullmq, with the command that installs it", () => {
    const copy = packageCopy(at("alone"), "without packages");
    const program = `const { openServer } = await import(${JSON.stringify(join(copy, "dist/cluster/queue/redis.js"))});
      await openServer("redis://127.0.0.1:1").catch(({ code, message }) => console.log(code, message));`;
    const said = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
    expect(said).toMatch(/^cluster\/no-bullmq .*npm install bullmq ioredis/);
  });
});

describe.skipIf(missing !== undefined)(
  `a queue${missing === undefined ? "" : `: ${missing}`}`,
  { timeout: 240_000 },
  () => {
    let redis: RedisServer;
    let run: ScoredRun;
    const worker = (...more: readonly string[]): ReturnType<typeof startCli> =>
      startWorker(redis.address, ...more);
    const helped = async (
      name: string,
      out: string,
      more: readonly string[] = [],
    ): ReturnType<typeof runCli> => {
      const child = worker();
      const end = ended(child);
      const filled = await fillQueue(run, redis.address, name, out, ...more);
      child.kill("SIGTERM");
      expect(await end).toMatchObject({ code: 143 });
      return filled;
    };

    const redisSays = (...line: readonly string[]): readonly string[] =>
      execFileSync("redis-cli", ["-p", `${redis.port}`, ...line], { encoding: "utf8" })
        .split("\n")
        .filter(Boolean);
    /** Without those that end by themselves within seconds: the times of a worker's looks for lost shards. */
    const lastingKeys = (): readonly string[] =>
      redisSays("keys", "*").filter((key) => redisSays("ttl", key)[0] === "-1");

    beforeAll(async () => {
      run = await writeScoredRun(folder, shards, 60);
      mkdirSync(at("redis"));
      redis = await startRedis(at("redis"));
      const { code, stderr } = await runCli(run.line("whole"));
      if (code !== 0) throw new Error(stderr);
    }, 240_000);
    afterAll(() => redis[Symbol.asyncDispose]());

    it("leaves what one process leaves, and a later run finds it", async () => {
      const { code, stdout, stderr } = await helped("first", "queued");
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(jsonLines(stdout).at(-1)).toEqual({
        type: "queue-finished",
        name: "first",
        counts: { shards, images: 60 * shards, broken: 0 },
        stood: 0,
        failed: 0,
      });
      expect(run.scores("queued")).toEqual(run.scores("whole"));
      const again = await runCli(run.line("queued", "--json"));
      expect(again).toMatchObject({ code: 0 });
      const events = jsonLines<{ type: string; what?: string }>(again.stdout);
      expect(events.some(({ type, what }) => type === "images" && what === "scored")).toBe(false);
      expect(run.scores("queued")).toEqual(run.scores("whole"));
      // The archives were read by those who scored them.
      const own = JSON.parse(readFileSync(at("queued", ".fingerprints-shards-first.json"), "utf8")) as object;
      expect(Object.keys(own)).toHaveLength(shards);
      // Files that stand are kept, and nothing stays in Redis.
      expect(jsonLines((await helped("first", "queued")).stdout).at(-1)).toMatchObject({ stood: shards });
      expect(lastingKeys()).toEqual([]);
    });

    it("warns of a Redis that may forget, with the command that starts one which does not", async () => {
      for (const name of ["forgetful", "lasting"]) mkdirSync(at(name));
      const settings = ["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"];
      const forgetful = await startRedis(at("forgetful"), ...settings);
      const said = await runCli(["worker", forgetful.address, "--until-done"]);
      await forgetful.kill("SIGTERM");
      const command = /: if it ends at a bad moment, .* Start it with: (redis-server --port .*)\n$/;
      const [program, ...words] = command.exec(said.stderr)![1]!.split(" ");
      const lasting = spawn(program!, words, { cwd: at("lasting"), stdio: "ignore" });
      const end = once(lasting, "exit");
      try {
        const again = (): ReturnType<typeof runCli> => runCli(["worker", forgetful.address, "--until-done"]);
        await expect.poll(again, { timeout: 20_000 }).toMatchObject({ code: 0, stderr: "" });
      } finally {
        lasting.kill("SIGKILL");
        await end;
      }
    });

    it("says how a Redis on another machine is started, which answers others by a password alone", async () => {
      using far = await openServer(redis.address, () => undefined);
      redisSays("config", "set", "appendfsync", "everysec");
      const warning = await durabilityWarning({ ...far, address: "redis://far" });
      redisSays("config", "set", "appendfsync", "always");
      expect(warning).toContain(
        "redis-server --bind 0.0.0.0 --requirepass PASSWORD --appendonly yes --appendfsync always --maxmemory-policy noeviction",
      );
    });

    it("of which only the name is left stays so when a worker looks at it", async () => {
      const ghost = { id: "0", version, work: "" };
      redisSays("hset", "ssl-resnext-runs", "ghost", JSON.stringify(ghost));
      expect(await ended(worker("--until-done"))).toMatchObject({ code: 0, stdout: "", stderr: "" });
      expect(lastingKeys()).toEqual(["ssl-resnext-runs"]);
      redisSays("del", "ssl-resnext-runs");
    });

    it("names a shard that cannot be scored after three tries, does the rest, and exits with 1", async () => {
      const broken = at("unlabelled", "3.tar");
      copyFileSync(broken, at("3.tar"));
      writeFileSync(broken, readFileSync(broken).subarray(0, 5000));
      const { code, stderr, stdout } = await helped("torn", "torn");
      expect(code).toBe(1);
      expect(stderr.match(/failed: 000003-3\.tar\.parquet: .*3\.tar.*\[data\//g)).toHaveLength(1);
      expect(jsonLines(stdout).at(-1)).toMatchObject({ counts: { shards: shards - 1 }, failed: 1 });
      copyFileSync(at("3.tar"), broken);
      expect(await helped("torn", "torn")).toMatchObject({ code: 0 });
      expect(run.scores("torn")).toEqual(run.scores("whole"));
    });

    it("gets the shard back from a worker that is told to end, and from one that is done", async () => {
      const child = worker();
      const filling = fillQueue(run, redis.address, "stopped", "stopped");
      onLines(child, ({ type }: WorkerJson) => {
        if (type === "shard-started") child.kill("SIGTERM");
      });
      const { code, stderr } = await ended(child);
      expect(code).toBe(143);
      expect(stderr).toContain("stopped: 000000-0.tar.parquet goes back into the queue");
      // Well before the lock of the first one would end.
      const began = performance.now();
      const last = await ended(worker("--until-done"));
      expect(last).toMatchObject({ code: 0 });
      expect(performance.now() - began).toBeLessThan(15_000);
      expect(await filling).toMatchObject({ code: 0 });
      expect(run.scores("stopped")).toEqual(run.scores("whole"));
    });

    it("ends where the last job failed once", async () => {
      const stopped = new AbortController();
      using server = await openServer(redis.address, () => undefined);
      let merges = 0;
      const working = work(server, {
        version: "1",
        open: () =>
          Promise.resolve({
            score: () => Promise.resolve({ images: 1 }),
            merge: (_name: string, done: readonly unknown[]) =>
              merges++ === 0 ? Promise.reject(new Error("once")) : Promise.resolve(done),
            [Symbol.asyncDispose]: () => Promise.resolve(),
          }),
        onEvent: () => undefined,
        signal: stopped.signal,
      });
      const started = startRun(server, { name: "twice", version: "1" }, {}, [{ name: "shard" }], undefined);
      let next = await started.next();
      while (!next.done) next = await started.next();
      expect(next.value).toEqual({ merged: [{ images: 1 }], failed: 0 });
      expect(merges).toBe(2);
      stopped.abort();
      expect(await working).toEqual([]);
    });

    it("is left by who looks at it, found again, and refuses another run of its name", async () => {
      const line = (...more: readonly string[]): readonly string[] =>
        run.line("named", "--queue", redis.address, "--name", "named", ...more);
      const first = startCli(line("--json"), { NO_COLOR: "1" });
      onLines(first, ({ type }: SemiJson) => {
        if (type === "queue") first.kill("SIGINT");
      });
      expect(await ended(first)).toMatchObject({
        code: 130,
        stderr: expect.stringContaining("run named goes on in the queue") as string,
      });
      const other = await runCli(line("-p", "2"));
      expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("[cluster/run-exists]")]);
      const { code, stdout } = await helped("named", "named");
      expect(code).toBe(0);
      expect(jsonLines(stdout)[0]).toEqual({ type: "queue-filled", name: "named", shards, stood: true });
      expect(run.scores("named")).toEqual(run.scores("whole"));
    });

    it("is emptied by --drop, which ends whoever looks at it", async () => {
      const line = run.line("dropped", "--queue", redis.address, "--name", "dropped");
      const first = startCli([...line, "--json"], { NO_COLOR: "1" });
      const end = ended(first);
      let drop: ReturnType<typeof runCli> | undefined;
      onLines(first, ({ type }: SemiJson) => {
        if (type === "queue") drop ??= runCli([...line, "--drop"]);
      });
      expect(await end).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/give the same command again\..*\[cluster\/run-gone\]/) as string,
      });
      expect(await drop).toMatchObject({ code: 0, stdout: 'run "dropped" is out of the queue\n' });
      expect((await runCli([...line, "--drop"])).stdout).toContain('no run "dropped"');
    });

    /** BullMQ's own look for shards whose workers died, which each worker has every five seconds, now. */
    const lookForLost = async ({ bullmq, client }: QueueServer, name: string): Promise<void> => {
      await client.del(`${prefix}:${name}:stalled-check`);
      const looking = new bullmq.Worker(name, undefined, { connection: client, prefix, autorun: false });
      await looking.startStalledCheckTimer();
      await looking.close();
      expect(lastingKeys()).toEqual([`${prefix}:${name}:meta`]);
    };

    it.each([
      ["is taken out", (server: QueueServer) => dropRun(server, "taken")],
      ["is lost with Redis", ({ client }: QueueServer) => client.flushall()],
    ])("leaves nothing where it %s while a worker is at it", async (_, lose) => {
      using server = await openServer(redis.address, () => undefined);
      using own = await openServer(redis.address, () => undefined);
      const started = startRun(server, { name: "taken", version: "1" }, {}, [{ name: "shard" }], undefined);
      await started.next();
      const begun = new AbortController();
      const working = work(own, {
        version: "1",
        open: () =>
          Promise.resolve({
            async score(_shard: unknown, { signal }: { readonly signal: AbortSignal }) {
              begun.abort();
              await delay(60_000, undefined, { signal }).catch(() => lookForLost(server, "taken"));
              signal.throwIfAborted();
            },
            merge: () => Promise.resolve({}),
            [Symbol.asyncDispose]: () => Promise.resolve(),
          }),
        onEvent: () => undefined,
        untilDone: true,
        signal: new AbortController().signal,
      });
      while (!begun.signal.aborted) await delay(20);
      await lose(server);
      await expect(started.next()).rejects.toThrow(/Redis has lost it.*same command again/);
      expect(await working).toEqual([]);
      expect(lastingKeys()).toEqual([]);
    });

    it("is left to others by a worker of another version, or with another teacher, which says so once", async () => {
      const copy = packageCopy(at("older"), "with packages");
      const file = join(copy, "dist/core/version.js");
      writeFileSync(file, readFileSync(file, "utf8").replace(/"\d+\.\d+\.\d+"/, '"0.0.9"'));
      const filling = startCli(run.line("left", "--queue", redis.address, "--name", "left"), {
        NO_COLOR: "1",
      });
      const filled = ended(filling);
      await new Promise((resolve) => filling.stdout.once("data", resolve));

      const older = spawn(process.execPath, [
        join(copy, "dist/cli/main.js"),
        "worker",
        redis.address,
        "--until-done",
      ]);
      const refused = await ended(older);
      expect(refused.code).toBe(1);
      expect(
        refused.stderr.match(
          /this worker is 0\.0\.9: its shards are left to others.*\[cluster\/other-version\]/g,
        ),
      ).toHaveLength(1);

      const teacher = at("small.safetensors");
      const right = readFileSync(teacher);
      writeFileSync(teacher, Buffer.concat([right.subarray(0, -4), Buffer.from([0, 0, 0, 1])]));
      const another = await ended(worker("--until-done"));
      expect(another.code).toBe(1);
      expect(another.stderr.match(/\[semi\/other-teacher\]/g)).toHaveLength(1);
      writeFileSync(teacher, right);

      expect(await ended(worker("--until-done"))).toMatchObject({ code: 0 });
      expect(await filled).toMatchObject({ code: 0 });
      expect(run.scores("left")).toEqual(run.scores("whole"));
    });

    it("wants the password of its Redis, and one that forgets nothing", async () => {
      mkdirSync(at("closed"));
      await using closed = await startRedis(
        at("closed"),
        "--requirepass",
        "secret",
        "--appendfsync",
        "everysec",
      );
      for (const user of ["", ":wrong@"]) {
        const { code, stderr } = await runCli(["worker", closed.address.replace("//", `//${user}`)]);
        expect([code, stderr]).toEqual([1, expect.stringContaining("[cluster/redis-password]")]);
        expect(stderr).not.toContain("wrong@");
      }
      const right = await runCli(["worker", closed.address.replace("//", "//:secret@"), "--until-done"]);
      expect(right).toMatchObject({ code: 0, stdout: "" });
      expect(right.stderr).toMatch(
        /^warning: .*appendfsync everysec.*--appendfsync always --maxmemory-policy noeviction\n$/,
      );
      expect(right.stderr).not.toContain("secret");
    });
  },
);
