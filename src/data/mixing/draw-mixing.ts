import type { Random } from "../../core/index.ts";
import type { MixingOptions } from "./options.ts";
import { symmetricBeta } from "./symmetric-beta.ts";

/** The part of an image that cutmix takes from its partner: rows [top, bottom), columns [left, right). */
export interface Box {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** How a whole batch is mixed: the share of an image that stays its own, and for cutmix the box. */
export interface Mixing {
  readonly lambda: number;
  readonly box?: Box;
}

/** Draws timm's mixing of a batch (mode `batch`); undefined when the batch is left as it is. */
export function drawMixing(
  height: number,
  width: number,
  options: MixingOptions,
  random: Random,
): Mixing | undefined {
  const { mixup, cutmixMinmax } = options;
  // timm sets alpha to 1 when the box has bounds of its own.
  const cutmix = cutmixMinmax ? 1 : options.cutmix;
  if ((mixup === 0 && cutmix === 0) || random.uniform() >= options.mixupProb) return undefined;
  const cut = cutmix > 0 && (mixup === 0 || random.uniform() < options.mixupSwitchProb);
  const lambda = symmetricBeta(cut ? cutmix : mixup, random);
  if (!cut) return { lambda };
  const box = cutmixMinmax
    ? boxWithin(height, width, cutmixMinmax, random)
    : cutmixBox(height, width, lambda, random);
  // The box is rounded and clipped, so the share is that of its real area.
  const area = (box.bottom - box.top) * (box.right - box.left);
  return { lambda: 1 - area / (height * width), box };
}

/** A box of the area 1 - lambda around a random centre, clipped at the edges. */
function cutmixBox(height: number, width: number, lambda: number, random: Random): Box {
  const ratio = Math.sqrt(1 - lambda);
  const [top, bottom] = span(Math.trunc(height * ratio), random.integer(height), height);
  const [left, right] = span(Math.trunc(width * ratio), random.integer(width), width);
  return { top, bottom, left, right };
}

function span(length: number, centre: number, size: number): readonly [number, number] {
  const half = Math.floor(length / 2);
  return [Math.max(0, centre - half), Math.min(size, centre + half)];
}

/** A box inside the image whose sides are within shares of the image's. */
function boxWithin(
  height: number,
  width: number,
  [min, max]: readonly [number, number],
  random: Random,
): Box {
  const side = (size: number): number => {
    const from = Math.trunc(size * min);
    return from + random.integer(Math.max(1, Math.trunc(size * max) - from));
  };
  const cutHeight = side(height);
  const cutWidth = side(width);
  const top = random.integer(Math.max(1, height - cutHeight));
  const left = random.integer(Math.max(1, width - cutWidth));
  return { top, bottom: top + cutHeight, left, right: left + cutWidth };
}
