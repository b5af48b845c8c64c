import { SessionError } from "../core/errors.ts";
import type { Thread } from "./thread.ts";

/** Makes a call on one of the threads. */
export type Share = <Value>(call: (thread: Thread) => Promise<Value>) => Promise<Value>;

/** Hands each call to the least busy thread; past `depth` calls a thread, calls wait for a place. */
export function shareCalls(threads: readonly Thread[], depth: number): Share {
  const load = new Map(threads.map((thread) => [thread, 0]));
  const waiting: (() => void)[] = [];

  const leastBusy = (): Thread | undefined => {
    const alive = threads.filter((thread) => !thread.failure);
    if (alive.length === 0) {
      const failures = threads.map((thread) => thread.failure);
      const released = failures.find((failure) => failure?.code === "runtime/released");
      if (released) throw released;
      const failure = failures[0];
      throw new SessionError("runtime/no-worker-left", `No worker is left: ${failure?.message}`, {
        cause: failure,
      });
    }
    const least = alive.reduce((a, b) => (load.get(b)! < load.get(a)! ? b : a));
    return load.get(least)! < depth ? least : undefined;
  };

  return async (call) => {
    let thread = leastBusy();
    while (!thread) {
      await new Promise<void>((resolve) => waiting.push(resolve));
      thread = leastBusy();
    }
    load.set(thread, load.get(thread)! + 1);
    try {
      return await call(thread);
    } finally {
      load.set(thread, load.get(thread)! - 1);
      waiting.shift()?.();
    }
  };
}
