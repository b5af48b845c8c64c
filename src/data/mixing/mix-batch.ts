import type { Random } from "../../core/index.ts";
import { drawMixing, type Box, type Mixing } from "./draw-mixing.ts";
import type { MixingOptions } from "./options.ts";

/** A batch in memory. */
export interface MixableBatch {
  /** Images [N, C, H, W]. */
  readonly images: Float32Array;
  readonly dims: readonly [images: number, channels: number, height: number, width: number];
  /** Soft targets [N, classes]. */
  readonly targets: Float32Array;
}

/**
 * Mixes a batch in place by mixup or cutmix, image n with image N - 1 - n, as timm's mode `batch` does.
 *
 * Targets are mixed by the same share, so they may be smoothed already.
 */
export function mixBatch(batch: MixableBatch, options: MixingOptions, random: Random): void {
  const [, , height, width] = batch.dims;
  const mixing = drawMixing(height, width, options, random);
  if (mixing) applyMixing(batch, mixing);
}

/** Mixes a batch in place as drawn. */
export function applyMixing({ images, dims, targets }: MixableBatch, { lambda, box }: Mixing): void {
  const [count] = dims;
  if (box) exchange(images, dims, box);
  else blendPairs(images, count, lambda);
  blendPairs(targets, count, lambda);
}

/** x[n] = lambda · x[n] + (1 - lambda) · x[N - 1 - n], rounded to float32 as PyTorch does. */
function blendPairs(values: Float32Array, count: number, lambda: number): void {
  const length = values.length / count;
  const own = Math.fround(lambda);
  const other = Math.fround(1 - lambda);
  for (let first = 0, last = count - 1; first <= last; first++, last--) {
    for (let i = 0, a = first * length, b = last * length; i < length; i++, a++, b++) {
      const x = values[a]!;
      const y = values[b]!;
      values[a] = Math.fround(x * own) + Math.fround(y * other);
      values[b] = Math.fround(y * own) + Math.fround(x * other);
    }
  }
}

/** Exchanges the box between image n and image N - 1 - n. */
function exchange(images: Float32Array, dims: MixableBatch["dims"], box: Box): void {
  const [count, channels, height, width] = dims;
  const kept = new Float32Array(box.right - box.left);
  for (let first = 0, last = count - 1; first < last; first++, last--) {
    for (let channel = 0; channel < channels; channel++) {
      for (let y = box.top; y < box.bottom; y++) {
        const a = ((first * channels + channel) * height + y) * width + box.left;
        const b = ((last * channels + channel) * height + y) * width + box.left;
        kept.set(images.subarray(a, a + kept.length));
        images.copyWithin(a, b, b + kept.length);
        images.set(kept, b);
      }
    }
  }
}
