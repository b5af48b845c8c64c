import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startWorkerThread } from "../../src/node/threads/start-thread.ts";
import type { Thread } from "../../src/runtime/platform.ts";
import { shareCalls } from "../../src/runtime/thread-calls.ts";

const fragile = new URL("../support/fragile-worker.mjs", import.meta.url);
const withCode = (code: string): unknown => expect.objectContaining({ name: "SessionError", code });

describe("a worker thread", () => {
  it.each([
    ["throws", "crash", "on purpose"],
    ["exits", "exit", "exit code 3"],
  ])("that %s rejects every call with why, and later calls too", async (_, method, why) => {
    const thread = startWorkerThread(fragile);
    expect(await thread.call("echo", 1)).toBe(1);
    const calls = [thread.call(method, 0), thread.call("never answered", 0)];
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ status: "rejected", reason: withCode("runtime/worker-crashed") });
    }
    await expect(thread.call("echo", 1)).rejects.toThrow(why);
    expect(thread.failure).toEqual(withCode("runtime/worker-crashed"));
  });

  it("that does not load rejects the calls that wait for it", async () => {
    const thread = startWorkerThread(new URL("no-such-worker.mjs", import.meta.url));
    await expect(thread.call("echo", 1)).rejects.toThrow(withCode("runtime/worker-crashed"));
  });

  it("that refuses to load says why", async () => {
    const thread = startWorkerThread(new URL("../support/refusing-worker.mjs", import.meta.url));
    await expect(thread.call("echo", 1)).rejects.toThrow(withCode("runtime/not-installed"));
  });

  it("that fills its heap is out of memory, and the process goes on", async () => {
    const thread = startWorkerThread(fragile, { maxOldGenerationSizeMb: 20 });
    await expect(thread.call("hoard", 0)).rejects.toThrow(withCode("runtime/out-of-memory"));
  });

  it("refuses an argument that cannot be cloned, and goes on", async () => {
    const thread = startWorkerThread(fragile);
    await expect(thread.call("echo", () => 1)).rejects.toThrow("could not be cloned");
    expect(await thread.call("echo", 1)).toBe(1);
    await thread.end();
  });
});

describe("shareCalls", () => {
  let threads: Thread[];
  beforeEach(() => {
    threads = [startWorkerThread(fragile), startWorkerThread(fragile)];
  });
  afterEach(() => Promise.all(threads.map((thread) => thread.end())));

  it("never gives a thread more than its share, and uses them all", async () => {
    const share = shareCalls(threads, 3);
    const load = new Map(threads.map((thread) => [thread, 0]));
    const calls = Array.from({ length: 40 }, (_, i) =>
      share(async (thread) => {
        load.set(thread, load.get(thread)! + 1);
        expect(load.get(thread)).toBeLessThanOrEqual(3);
        const answer = await thread.call("echo", i);
        load.set(thread, load.get(thread)! - 1);
        return { thread, answer };
      }),
    );
    const answers = await Promise.all(calls);
    expect(answers.map(({ answer }) => answer)).toEqual(answers.map((_, i) => i));
    expect(new Set(answers.map(({ thread }) => thread))).toEqual(new Set(threads));
  });

  it("goes on with the threads that are left, then says that none is", async () => {
    const share = shareCalls(threads, 1);
    await expect(share((thread) => thread.call("crash", 0))).rejects.toThrow("on purpose");
    const echoes = Array.from({ length: 5 }, (_, i) => share((thread) => thread.call("echo", i)));
    expect(await Promise.all(echoes)).toEqual([0, 1, 2, 3, 4]);

    const last = share((thread) => thread.call("exit", 0));
    const waiting = share((thread) => thread.call("echo", 0));
    await expect(last).rejects.toThrow("exit code 3");
    await expect(waiting).rejects.toThrow(withCode("runtime/no-worker-left"));
    await expect(share((thread) => thread.call("echo", 0))).rejects.toThrow(
      withCode("runtime/no-worker-left"),
    );
  });
});
