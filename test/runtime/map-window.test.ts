import { setImmediate, setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import { mapWindow } from "../../src/runtime/map-window.ts";

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of source) all.push(value);
  return all;
}

const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe("mapWindow", () => {
  it("keeps the order of the items, whatever order the work ends in", async () => {
    const random = seededRandom(1);
    const work = async (item: number): Promise<number> => {
      await setTimeout(random.integer(4));
      return item * item;
    };
    const results = await collect(mapWindow(count(100), work, { width: 8, ordered: true }));
    expect(results).toEqual(count(100).map((i) => i * i));
  });

  it("throws a failure when its turn comes", async () => {
    const work = async (item: number): Promise<number> => {
      if (item === 1) throw new Error("on purpose");
      await setTimeout(20);
      return item;
    };
    const results = mapWindow(count(3), work, { width: 3, ordered: true });
    expect(await results.next()).toEqual({ done: false, value: 0 });
    await expect(results.next()).rejects.toThrow("on purpose");
  });

  it("gives results as they stand when asked to", async () => {
    const work = async (item: number): Promise<number> => {
      await setTimeout(item === 0 ? 50 : 0);
      return item;
    };
    const results = await collect(mapWindow(count(6), work, { width: 3, ordered: false }));
    expect(results.at(-1)).toBe(0);
    expect(results.toSorted((a, b) => a - b)).toEqual(count(6));
  });

  it("stops the source while the consumer is busy", async () => {
    let pulled = 0;
    const source = function* (): Generator<number> {
      for (;;) yield pulled++;
    };
    const results = mapWindow(source(), (item) => Promise.resolve(item), { width: 5, ordered: true });
    for (let consumed = 1; consumed <= 20; consumed++) {
      await results.next();
      for (let turn = 0; turn < 10; turn++) await setImmediate();
      expect(pulled).toBeLessThanOrEqual(consumed + 5);
    }
    await results.return();
  });

  it("hands out a result while the source waits for its next item", async () => {
    const source = async function* (): AsyncGenerator<number> {
      yield 1;
      await new Promise(() => undefined);
    };
    const results = mapWindow(source(), (item) => Promise.resolve(item), { width: 4, ordered: true });
    expect(await results.next()).toEqual({ done: false, value: 1 });
    await results.return();
  });

  it("ends with the error of the source, after the results of the items before it", async () => {
    const failing = async function* (): AsyncGenerator<number> {
      yield 1;
      yield 2;
      throw new Error("the source broke");
    };
    const slow = (item: number): Promise<number> => setTimeout(5, item);
    const results: number[] = [];
    const run = (async () => {
      for await (const result of mapWindow(failing(), slow, { width: 4, ordered: true }))
        results.push(result);
    })();
    await expect(run).rejects.toThrow("the source broke");
    expect(results).toEqual([1, 2]);
  });

  it("ends with the error of the work, and aborts the rest", async () => {
    const signals: AbortSignal[] = [];
    const work = async (item: number, signal: AbortSignal): Promise<number> => {
      signals.push(signal);
      if (item === 3) throw new Error("the work broke");
      return item;
    };
    await expect(collect(mapWindow(count(10), work, { width: 4, ordered: true }))).rejects.toThrow(
      "the work broke",
    );
    // Results of the first three had been handed out.
    expect(signals.map((signal) => signal.aborted)).toEqual(signals.map((_, item) => item > 2));
  });

  it("closes the source when the consumer stops", async () => {
    let closed = false;
    const source = function* (): Generator<number> {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        closed = true;
      }
    };
    for await (const item of mapWindow(source(), async (i) => i, { width: 3, ordered: true })) {
      if (item === 4) break;
    }
    expect(closed).toBe(true);
  });

  it("rejects with the signal's reason, also while nothing moves", async () => {
    const controller = new AbortController();
    const never = (): Promise<number> => new Promise(() => undefined);
    const results = collect(
      mapWindow(count(3), never, { width: 4, ordered: true, signal: controller.signal }),
    );
    controller.abort(new Error("enough"));
    await expect(results).rejects.toThrow("enough");
    await expect(
      collect(mapWindow(count(3), never, { width: 4, ordered: true, signal: controller.signal })),
    ).rejects.toThrow("enough");
  });
});
