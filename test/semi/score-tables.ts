import * as fc from "fast-check";
import type { ReferenceRow, ScoreRow } from "../../src/semi/tables.ts";

// Few values: many ties. Scores of a teacher that has diverged are among them.
const score = fc.constantFrom(0, 0.1, 0.25, 0.5, 0.95, 1, NaN, Infinity).map(Math.fround);

// Near one of three hashes, one of them negative.
const hash = fc
  .tuple(
    fc.constantFrom(0n, 0x0123_4567_89ab_cdefn, -(2n ** 63n) + 12345n),
    fc.array(fc.bigInt(0n, 63n), { maxLength: 6 }),
  )
  .map(([base, bits]) =>
    BigInt.asIntN(
      64,
      bits.reduce((changed, bit) => changed ^ (1n << bit), base),
    ),
  );

// Of few letters, so that names come twice; some have another order in UTF-16 than in UTF-8.
const name = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 3 }),
  fc.string({ unit: fc.constantFrom("a", "\uff5e", "\u{1f600}"), maxLength: 2 }),
);

const image = (classes: number) =>
  fc.record({
    id: name,
    phash: hash,
    best: fc
      .shuffledSubarray([...Array(classes).keys()], { minLength: 1 })
      .chain((kept) => fc.tuple(...kept.map((index) => fc.tuple(fc.constant(index), score)))),
  });

/** Score files of few images. */
export const scoreTables = (classes: number): fc.Arbitrary<readonly (readonly ScoreRow[])[]> =>
  fc
    .array(image(classes), { maxLength: 40 })
    .chain((images) => fc.tuple(fc.constant(images), fc.array(fc.nat(images.length), { maxLength: 3 })))
    .map(([images, cuts]) => {
      const borders = [0, ...cuts.toSorted((a, b) => a - b), images.length];
      return borders.slice(1).map((border, shard) =>
        images.slice(borders[shard], border).flatMap(({ id, phash, best }, index) =>
          best.map(([kept, value], rank) => ({
            image_id: id,
            // Some images of the shard could not be read.
            position: 2 * index,
            class: kept,
            score: value,
            rank: rank + 1,
            phash,
          })),
        ),
      );
    });

export const referenceTables: fc.Arbitrary<readonly ReferenceRow[]> = fc.array(
  fc.record({
    image_id: name,
    phash: hash,
    set: fc.constantFrom("labelled", "validation", "test"),
  }),
  { maxLength: 5 },
);
