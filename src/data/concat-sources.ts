import type { ImageItem, ImageSource } from "./image-source.ts";
import { sortNaturally } from "./natural-order.ts";

/** One source after the other; the classes are the union, the size is known when every size is. */
export function concatSources(sources: readonly ImageSource[]): ImageSource {
  const classes = new Set(sources.flatMap((source) => source.classes ?? []));
  const size = sources.reduce<number | undefined>(
    (sum, source) => (sum === undefined || source.size === undefined ? undefined : sum + source.size),
    0,
  );
  return {
    classes: classes.size > 0 ? sortNaturally(classes) : undefined,
    size,
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      for (const source of sources) yield* source;
    },
  };
}
