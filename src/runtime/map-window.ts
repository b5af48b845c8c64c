export interface WindowOptions {
  /** How many items may be under way or waiting for the consumer at once. */
  readonly width: number;
  /** Whether results come in the order of the items, or as soon as they stand. */
  readonly ordered: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Maps items concurrently, never more than `width` ahead of the consumer: one who stops reading stops the
 * source. A rejection of `work`, or an abort, ends the iteration and aborts the signals of what is under way;
 * an error of the source comes after the results of the items before it.
 */
export async function* mapWindow<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
  { width, ordered, signal }: WindowOptions,
): AsyncGenerator<Result, void, undefined> {
  let interrupt: (reason: unknown) => void = () => undefined;
  const onAbort = (): void => interrupt(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const underWay: UnderWay<Result>[] = [];
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
        [...(next ? [next] : []), ...waiting.map(({ promise }) => promise)],
        (reject) => (interrupt = reject),
      );
      if ("error" in event) {
        next = undefined;
        exhausted = true;
        broken = event;
      } else if ("pulled" in event) {
        next = undefined;
        if (event.pulled.done) exhausted = true;
        else underWay.push(begin(event.pulled.value, work));
      } else {
        void underWay.splice(underWay.indexOf(event.item), 1);
        yield event.result;
      }
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    for (const { ending } of underWay) ending.abort(new DOMException("The consumer stopped.", "AbortError"));
    // A source that is waiting for its next item would keep `return` waiting too.
    if (!exhausted) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

type Pulled<Item> = { readonly pulled: IteratorResult<Item> };
type Broken = { readonly error: unknown };
type Done<Result> = { readonly item: UnderWay<Result>; readonly result: Result };

/** An item that is being worked on. One signal for all would collect more listeners than Node takes for sound. */
interface UnderWay<Result> {
  readonly ending: AbortController;
  readonly promise: Promise<Done<Result>>;
}

async function pull<Item>(iterator: Iterator<Item> | AsyncIterator<Item>): Promise<Pulled<Item> | Broken> {
  try {
    return { pulled: await iterator.next() };
  } catch (error) {
    return { error };
  }
}

function begin<Item, Result>(
  value: Item,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
): UnderWay<Result> {
  const ending = new AbortController();
  const promise: Promise<Done<Result>> = work(value, ending.signal).then((result) => ({ item, result }));
  // A failure waits for its turn; until then it is no unhandled rejection.
  promise.catch(() => undefined);
  const item = { ending, promise };
  return item;
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
