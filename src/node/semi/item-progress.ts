import type { ImagesEvent } from "./events.ts";

const millisecondsBetween = 100;

/** How far a stage has come, from when it began. */
export interface ImageProgress {
  /** Passes work on that yields once for each image, and says at most ten times a second how far it is. */
  of<Result>(work: AsyncGenerator<void, Result, undefined>): AsyncGenerator<ImagesEvent, Result, undefined>;
  /** Counts images that had been done before. */
  skip(images: number): void;
}

export function imageProgress(about: Pick<ImagesEvent, "stage" | "what" | "total">): ImageProgress {
  const began = performance.now();
  let said = began;
  let done = 0;
  let skipped = 0;
  return {
    skip(images) {
      skipped += images;
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
          yield {
            type: "images",
            ...about,
            done: skipped + done,
            imagesPerSecond: (1000 * done) / (now - began),
          };
        }
      } finally {
        // Who stops listening ends the work too.
        await work.return(undefined as never);
      }
    },
  };
}
