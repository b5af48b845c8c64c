import { setMaxListeners } from "node:events";

export interface WindowOptions {
  /** How many items may be under way or waiting for the consumer at once. */
  readonly width: number;
  /** Whether results come in the order of the items, or as soon as they stand. */
  readonly ordered: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Maps items concurrently, never more than `width` ahead of the consumer: one who stops reading stops the
 * source. A rejection of `work`, or an abort, ends the iteration and aborts the signal that `work` was given;
 * an error of the source comes after the results of the items before it.
 */
export async function* mapWindow<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
  { width, ordered, signal }: WindowOptions,
): AsyncGenerator<Result, void, undefined> {
  const ending = new AbortController();
  setMaxListeners(width + 1, ending.signal);
  let interrupt: (reason: unknown) => void = () => undefined;
  signal?.addEventListener("abort", () => interrupt(signal.reason), { once: true, signal: ending.signal });
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const underWay: Promise<Done<Result>>[] = [];
  let next: Promise<Pulled<Item> | Broken> | undefined;
  let exhausted = false;
  let broken: Broken | undefined;

  try {
    for (;;) {
      signal?.throwIfAborted();
      if (!exhausted && underWay.length < width) next ??= pull(iterator);
      if (!next && underWay.length === 0) {
        if (broken) throw broken.error;
        return;
      }
      // The source is asked first, so that the window fills up before a result leaves it.
      const waiting = ordered ? underWay.slice(0, 1) : underWay;
      const event = await firstOf<Pulled<Item> | Broken | Done<Result>>(
        [...(next ? [next] : []), ...waiting],
        (reject) => (interrupt = reject),
      );
      if ("error" in event) {
        next = undefined;
        exhausted = true;
        broken = event;
      } else if ("pulled" in event) {
        next = undefined;
        if (event.pulled.done) exhausted = true;
        else underWay.push(finish(work(event.pulled.value, ending.signal)));
      } else {
        void underWay.splice(underWay.indexOf(event.promise), 1);
        yield event.result;
      }
    }
  } finally {
    ending.abort(new DOMException("The consumer stopped.", "AbortError"));
    // A source that is waiting for its next item would keep `return` waiting too.
    if (!exhausted) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

type Pulled<Item> = { readonly pulled: IteratorResult<Item> };
type Broken = { readonly error: unknown };
type Done<Result> = { readonly promise: Promise<Done<Result>>; readonly result: Result };

async function pull<Item>(iterator: Iterator<Item> | AsyncIterator<Item>): Promise<Pulled<Item> | Broken> {
  try {
    return { pulled: await iterator.next() };
  } catch (error) {
    return { error };
  }
}

/** The result together with its promise, by which the window finds it. */
function finish<Result>(work: Promise<Result>): Promise<Done<Result>> {
  const promise: Promise<Done<Result>> = work.then((result) => ({ promise, result }));
  // A failure waits for its turn; until then it is no unhandled rejection.
  promise.catch(() => undefined);
  return promise;
}

/**
 * The first promise to settle. Not `Promise.race` with a promise of the abort: that one would live as long as
 * the run, and keep every result it was ever raced against.
 */
function firstOf<Event>(
  promises: readonly Promise<Event>[],
  onInterrupt: (reject: (reason: unknown) => void) => void,
): Promise<Event> {
  return new Promise((resolve, reject) => {
    onInterrupt(reject);
    for (const promise of promises) promise.then(resolve, reject);
  });
}
