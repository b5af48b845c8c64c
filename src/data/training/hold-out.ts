import type { ImageItem, ImageSource } from "../image-source.ts";
import { splitHoldout } from "../samplers/index.ts";
import { growingArray } from "./growing-array.ts";

/** A source in two parts. */
export interface HeldOutSources {
  /** What is left to train on. */
  readonly kept: ImageSource;
  readonly heldOut: ImageSource;
}

/**
 * Splits a labelled source at random into two, the same fraction of each class held out; the source is walked once.
 *
 * Images without a label count as one more class.
 *
 * @throws UsageError when the fraction does not lie between 0 and 1.
 */
export async function holdOut(source: ImageSource, fraction: number, seed: number): Promise<HeldOutSources> {
  const names = new Map<string | undefined, number>();
  const labels = growingArray((length) => new Uint32Array(length));
  for await (const { label } of source) {
    const known = names.get(label) ?? names.size;
    names.set(label, known);
    labels.push(known);
  }
  const { kept, heldOut } = splitHoldout(labels.values(), fraction, seed);
  return { kept: imagesAt(source, kept), heldOut: imagesAt(source, heldOut) };
}

/** The images of a source at these positions, which ascend. */
function imagesAt(source: ImageSource, positions: Uint32Array): ImageSource {
  return {
    classes: source.classes,
    size: positions.length,
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      let position = 0;
      let taken = 0;
      for await (const item of source) {
        if (position++ !== positions[taken]) continue;
        yield item;
        if (++taken === positions.length) return;
      }
    },
  };
}
