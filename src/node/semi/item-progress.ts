import type { ImagesEvent } from "./events.ts";

const millisecondsBetween = 100;

/** How far a work on many items has come, from when it began. */
export interface ItemProgress<Event> {
  /** Passes work on that yields once for each item, and says at most ten times a second how far it is. */
  of<Result>(work: AsyncGenerator<void, Result, undefined>): AsyncGenerator<Event, Result, undefined>;
  /** Counts items that had been done before. */
  skip(items: number): void;
}

/** @param say The event for items that are done, and how many of them a second. */
export function itemProgress<Event>(say: (done: number, perSecond: number) => Event): ItemProgress<Event> {
  const began = performance.now();
  let said = began;
  let done = 0;
  let skipped = 0;
  return {
    skip(items) {
      skipped += items;
    },
    async *of(work) {
      try {
        for (;;) {
          const next = await work.next();
          if (next.done) return next.value;
          done++;
          const now = performance.now();
          if (now - said < millisecondsBetween) continue;
          said = now;
          yield say(skipped + done, (1000 * done) / (now - began));
        }
      } finally {
        // Who stops listening ends the work too.
        await work.return(undefined as never);
      }
    },
  };
}

/** The progress of a stage over images. */
export const imageProgress = (
  about: Pick<ImagesEvent, "stage" | "what" | "total">,
): ItemProgress<ImagesEvent> =>
  itemProgress((done, imagesPerSecond) => ({ type: "images", ...about, done, imagesPerSecond }));
