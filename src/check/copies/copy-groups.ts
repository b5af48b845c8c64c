import type { ExaminedImages } from "../examine.ts";
import { nearCopies, type NearCopy } from "./near-copies.ts";

/** An image and the one that is kept of its group. */
export interface Copy {
  /** Position of the image. */
  readonly image: number;
  /** Position of the one that stays. */
  readonly kept: number;
  /** How both are the same; undefined for the same bytes, and where it is a copy of a copy. */
  readonly match: NearCopy | undefined;
  readonly isExact: boolean;
}

/** Images that show the same picture. */
export interface Copies {
  readonly copies: readonly Copy[];
  /** For each image the number of its picture, the same for copies; -1 for those that cannot be read. */
  readonly pictures: Int32Array;
}

/** Images after which others get a turn. */
const turn = 512;

/**
 * Groups the images that show the same picture. Of a group one stays: of the set in which it is worth most, the largest, the first.
 *
 * @param onTurn Called now and then, between pieces of work.
 */
export async function groupCopies(images: ExaminedImages, onTurn: () => Promise<void>): Promise<Copies> {
  const { contents, widths, heights, sets, grey } = images;
  const group = Int32Array.from(widths.keys());
  const rootOf = (content: number): number => {
    while (group[content] !== content) content = group[content] = group[group[content]!]!;
    return content;
  };
  const matches = new Map<string, NearCopy>();
  let steps = 0;
  for (const match of nearCopies(grey, widths.length)) {
    if (match) {
      matches.set(pairOf(match.first, match.second), match);
      group[rootOf(match.first)] = rootOf(match.second);
    } else if (++steps % turn === 0) await onTurn();
  }
  const pictures = contents.map((content) => (content < 0 ? -1 : rootOf(content)));
  const area = (image: number): number => widths[contents[image]!]! * heights[contents[image]!]!;
  const isBetter = (a: number, b: number): boolean =>
    sets[a]! < sets[b]! || (sets[a] === sets[b] && (area(a) > area(b) || (area(a) === area(b) && a < b)));
  const keptOf = new Map<number, number>();
  for (const [image, picture] of pictures.entries()) {
    const kept = keptOf.get(picture);
    if (picture >= 0 && (kept === undefined || isBetter(image, kept))) keptOf.set(picture, image);
  }
  const copies = [...pictures.entries()].flatMap(([image, picture]): Copy[] => {
    const kept = keptOf.get(picture);
    if (kept === undefined || kept === image) return [];
    const isExact = contents[image] === contents[kept];
    return [{ image, kept, isExact, match: matches.get(pairOf(contents[image]!, contents[kept]!)) }];
  });
  return { copies, pictures };
}

const pairOf = (a: number, b: number): string => (a < b ? `${a} ${b}` : `${b} ${a}`);
