import { greySide } from "../../image/index.ts";
import { matchPictures, type Match } from "./match-pictures.ts";
import { hashParts, mirrorBits, parts, wordsOfHash } from "./window-hashes.ts";

/** Two pictures of which one is a copy of the other, by their positions. */
export interface NearCopy extends Match {
  readonly first: number;
  readonly second: number;
  readonly mirrored: boolean;
}

/** Bits of 64 in which the hashes of copies may differ. */
const mostBits = 10;
/** Least correlation of copies. */
const leastLikeness = 0.95;
const leastDetail = 0.75;
/** Grey levels that a picture has to vary by: what is all of one colour looks like anything else. */
const leastContrast = 4;

const pixels = greySide * greySide;

/**
 * Finds the pictures that show the same, one perhaps in another size or compression, brighter or darker, mirrored, or without
 * up to 5 % of its edges.
 *
 * Of every picture, its mirror and sixteen parts of each, the hash is looked up among those of all pictures, by each quarter of
 * its bits, of which one may be wrong: so the work grows with the pictures, not with their pairs. What is found is laid upon
 * each other, and is a copy where pixels and their differences agree.
 *
 * @param pictures [count, 32, 32]
 */
export function* nearCopies(pictures: Uint8Array, count: number): Generator<NearCopy | undefined> {
  const picture = (at: number): Uint8Array => pictures.subarray(at * pixels, (at + 1) * pixels);
  const whole = new Uint16Array(count * wordsOfHash);
  const isFlat = Uint8Array.from({ length: count }, (_, at) =>
    contrast(picture(at)) < leastContrast ? 1 : 0,
  );
  for (let at = 0; at < count; at++) {
    hashParts(picture(at), 1, whole.subarray(at * wordsOfHash, (at + 1) * wordsOfHash));
  }
  const words = Array.from({ length: wordsOfHash }, (_, word) => byWord(whole, word, isFlat));
  const own = new Uint16Array(parts.length * wordsOfHash);
  const known = new Set<number>();
  const seen = new Map<number, { bits: number; part: number; mirrored: boolean }>();
  for (let at = 0; at < count; at++) {
    yield undefined;
    if (isFlat[at]) continue;
    hashParts(picture(at), parts.length, own);
    seen.clear();
    for (let part = 0; part < parts.length; part++) {
      const hash = own.subarray(part * wordsOfHash, (part + 1) * wordsOfHash);
      for (const mirrored of [false, true]) {
        for (let word = 0; word < wordsOfHash; word++) {
          const wanted = mirrored ? hash[word]! ^ mirrorBits : hash[word]!;
          for (const wrong of wrongBits) {
            const { starts, rows } = words[word]!;
            const key = wanted ^ wrong;
            for (let i = starts[key]!; i < starts[key + 1]!; i++) {
              const other = rows[i]!;
              if (other === at) continue;
              const bits = distance(hash, whole, other, mirrored);
              if (bits > mostBits) continue;
              const best = seen.get(other);
              if (!best || bits < best.bits) seen.set(other, { bits, part, mirrored });
            }
          }
        }
      }
    }
    for (const [other, { part, mirrored }] of seen) {
      if (known.has(other * count + at)) continue;
      const match = matchPictures(picture(at), picture(other), parts[part]!, mirrored);
      if (match.likeness < leastLikeness || match.detail < leastDetail) continue;
      known.add(at * count + other);
      yield { first: at, second: other, mirrored, ...match };
    }
  }
}

/** No bit, or one. */
const wrongBits: readonly number[] = [0, ...Array.from({ length: 16 }, (_, bit) => 1 << bit)];

/** Pictures by one word of their hashes: those of a word stand together. */
function byWord(
  hashes: Uint16Array,
  word: number,
  isFlat: Uint8Array,
): { starts: Uint32Array; rows: Uint32Array } {
  const starts = new Uint32Array(65_537);
  for (let at = 0; at < isFlat.length; at++) if (!isFlat[at]) starts[hashes[at * wordsOfHash + word]! + 1]!++;
  for (let key = 0; key < 65_536; key++) starts[key + 1]! += starts[key]!;
  const next = starts.slice();
  const rows = new Uint32Array(starts[65_536]!);
  for (let at = 0; at < isFlat.length; at++) {
    if (!isFlat[at]) rows[next[hashes[at * wordsOfHash + word]!]!++] = at;
  }
  return { starts, rows };
}

/** Bits in which a hash, or its mirror, differs from that of a picture. */
function distance(hash: Uint16Array, all: Uint16Array, at: number, mirrored: boolean): number {
  const mirror = mirrored ? mirrorBits : 0;
  const from = at * wordsOfHash;
  let bits = 0;
  for (let word = 0; word < wordsOfHash; word++) {
    bits += bitsOf[hash[word]! ^ all[from + word]! ^ mirror]!;
  }
  return bits;
}

/** The bits that are set in each word. */
const bitsOf: Uint8Array = new Uint8Array(65_536);
for (let word = 1; word < 65_536; word++) bitsOf[word] = bitsOf[word >> 1]! + (word & 1);

function contrast(picture: Uint8Array): number {
  const mean = picture.reduce((sum, value) => sum + value, 0) / picture.length;
  return Math.sqrt(picture.reduce((sum, value) => sum + (value - mean) ** 2, 0) / picture.length);
}
