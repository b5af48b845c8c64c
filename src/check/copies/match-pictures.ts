import { greySide } from "../../image/index.ts";
import type { Part } from "./window-hashes.ts";

/** How far two pictures are the same. */
export interface Match {
  /** Correlation of their pixels where they lie best upon each other: 1 for the same picture, whatever its brightness. */
  readonly likeness: number;
  /** The same of the differences of neighbouring pixels, which only the same picture shares. */
  readonly detail: number;
}

/** Where the second picture lies in the first: its left and top edge, and its right and bottom one, as shares. */
type Frame = readonly [left: number, top: number, right: number, bottom: number];

const pixels = greySide * greySide;

/**
 * Lays a picture upon a part of another and moves its edges until both are as much alike as they become.
 *
 * @param whole [32, 32]
 * @param other [32, 32], which may show this part of it.
 * @param mirrored Whether the other one shows it from the right to the left.
 */
export function matchPictures(
  whole: Uint8Array,
  other: Uint8Array,
  { columns, rows }: Part,
  mirrored: boolean,
): Match {
  const target = mirrored ? mirror(other) : Float64Array.from(other);
  const detail = differences(target);
  standardise(target);
  const sample = new Float64Array(pixels);
  const likenessAt = (frame: Frame): number => {
    cut(whole, frame, sample);
    standardise(sample);
    return product(sample, target);
  };
  let frame: Frame = [columns.from, rows.from, columns.to, rows.to];
  let likeness = likenessAt(frame);
  if (likeness < hopeless) return { likeness, detail: 0 };
  for (const step of [0.02, 0.01, 0.005]) {
    for (let moved = true; moved;) {
      moved = false;
      for (let edge = 0; edge < 4; edge++) {
        for (const by of [step, -step]) {
          const next = frame.with(edge, Math.min(1, Math.max(0, frame[edge]! + by))) as unknown as Frame;
          if (next[2] - next[0] < least || next[3] - next[1] < least) continue;
          const found = likenessAt(next);
          if (found <= likeness + 1e-6) continue;
          [frame, likeness, moved] = [next, found, true];
        }
      }
    }
  }
  cut(whole, frame, sample);
  const own = differences(sample);
  return { likeness, detail: product(standardise(own), standardise(detail)) };
}

/** Pictures that are less alike than this before their edges are moved are not the same. */
const hopeless = 0.8;
/** Least share of an axis that a copy shows. */
const least = 0.9;

function mirror(picture: Uint8Array): Float64Array {
  return Float64Array.from({ length: pixels }, (_, at) => picture[at - 2 * (at % greySide) + greySide - 1]!);
}

/** The part of a picture within a frame, sampled between pixels. */
function cut(whole: Uint8Array, [left, top, right, bottom]: Frame, out: Float64Array): void {
  for (let row = 0; row < greySide; row++) {
    const y = inside((top + ((bottom - top) * (row + 0.5)) / greySide) * greySide - 0.5);
    const upper = Math.min(greySide - 2, Math.floor(y));
    const below = y - upper;
    for (let column = 0; column < greySide; column++) {
      const x = inside((left + ((right - left) * (column + 0.5)) / greySide) * greySide - 0.5);
      const before = Math.min(greySide - 2, Math.floor(x));
      const beside = x - before;
      const at = upper * greySide + before;
      out[row * greySide + column] =
        (1 - below) * ((1 - beside) * whole[at]! + beside * whole[at + 1]!) +
        below * ((1 - beside) * whole[at + greySide]! + beside * whole[at + greySide + 1]!);
    }
  }
}

const inside = (place: number): number => Math.min(greySide - 1, Math.max(0, place));

/** What each pixel differs by from that to its right, then from that below it. */
function differences(picture: Float64Array): Float64Array {
  const found = new Float64Array(2 * pixels);
  for (let y = 0; y < greySide; y++) {
    for (let x = 0; x < greySide; x++) {
      const at = y * greySide + x;
      if (x + 1 < greySide) found[at] = picture[at + 1]! - picture[at]!;
      if (y + 1 < greySide) found[pixels + at] = picture[at + greySide]! - picture[at]!;
    }
  }
  return found;
}

/** Moves the mean to 0 and makes the sum of squares 1; a picture of one colour becomes 0. */
function standardise(values: Float64Array): Float64Array {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]! - mean;
    values[i] = value;
    squares += value * value;
  }
  const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  for (let i = 0; i < values.length; i++) values[i]! *= scale;
  return values;
}

function product(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
