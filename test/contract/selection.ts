import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Selection, SelectionOptions } from "../../src/semi/index.ts";
import type { Ranking } from "../../src/semi/select/selection.ts";
import type { ReferenceRow, ScoreRow } from "../../src/semi/tables.ts";
import { naiveSelection, naiveSummary } from "../semi/naive-selection.ts";
import { referenceTables, scoreTables } from "../semi/score-tables.ts";

/** The tables that an implementation of `SelectImages` finds. */
export interface SelectionTables {
  readonly shards: readonly (readonly ScoreRow[])[];
  readonly references?: readonly ReferenceRow[] | undefined;
}

const classes = ["cat", "dog", "ship"];
const rankings: readonly Ranking[] = ["balanced", "unbalanced", "threshold"];

/** What every way of selecting does, on any platform. */
export function selectionSuite(
  name: string,
  select: (tables: SelectionTables, options: SelectionOptions) => Promise<Selection>,
): void {
  const common = { classes, images: 100 };

  describe.each(rankings)(`a %s selection ${name}`, (ranking) => {
    it("is that of sorting everything", async () => {
      const counts = fc.integer({ min: 1, max: 12 });
      const thresholds = fc.constantFrom(0, 0.1, 0.95, 1);
      await fc.assert(
        fc.asyncProperty(scoreTables(classes.length), counts, thresholds, async (shards, k, threshold) => {
          const { rows, summary } = await select({ shards }, { ...common, ranking, k, threshold });
          const rule = {
            ranking,
            k,
            threshold,
            classes,
            references: [],
            distance: null,
            keepDuplicates: false,
          };
          expect(rows).toEqual(naiveSelection(shards, rule));
          expect(summary).toEqual(naiveSummary(shards, rule, rows));
        }),
        { numRuns: 30 },
      );
    });

    it("leaves out images that look like a reference, or like a better one unless they are kept", async () => {
      const distances = fc.integer({ min: 0, max: 6 });
      const some = fc.integer({ min: 1, max: 10 });
      const tables = [scoreTables(2), referenceTables, distances, some, fc.boolean()] as const;
      await fc.assert(
        fc.asyncProperty(...tables, async (shards, references, distance, k, keepDuplicates) => {
          const given = { ranking, k, threshold: 0.2, keepDuplicates };
          const options = { ...common, ...given, duplicateDistance: distance };
          const { rows, summary } = await select({ shards, references }, options);
          const rule = { ...given, classes, references, distance };
          expect(rows).toEqual(naiveSelection(shards, rule));
          expect(summary).toEqual(naiveSummary(shards, rule, rows));
        }),
        { numRuns: 40 },
      );
    });
  });

  describe(`selecting ${name}`, () => {
    it("takes 16 of 100 images that a class has on average, as the paper does", async () => {
      const shards = [
        Array.from({ length: 60 }, (_, position) =>
          classes.map((_name, rank) => ({
            image_id: `${position}`,
            position,
            class: (position + rank) % classes.length,
            score: 0.5,
            rank: rank + 1,
            phash: 0n,
          })),
        ).flat(),
      ];
      const { summary } = await select({ shards }, { classes, images: 60 });
      expect(summary).toMatchObject({ ranking: "balanced", k: 3, rows: 9, duplicates: null });
    });

    it("names the classes that have fewer images than it wants", async () => {
      const row = { position: 0, score: 0.5, phash: 0n };
      const shard = [
        { ...row, image_id: "a", class: 0, rank: 1 },
        { ...row, image_id: "a", class: 2, rank: 2 },
        { ...row, image_id: "b", position: 1, class: 0, rank: 1 },
      ];
      const { summary } = await select({ shards: [shard] }, { ...common, k: 2 });
      expect(summary.short).toEqual(["dog", "ship"]);
      expect(summary.empty).toEqual(["dog"]);
    });

    it.each<Partial<SelectionOptions>>([
      { ranking: "unbalanced", k: 1 },
      { ranking: "threshold", threshold: 0.4 },
    ])("names the classes that nothing was selected for with %j", async (options) => {
      const row = { position: 0, score: 0.5, phash: 0n };
      const shard = [
        { ...row, image_id: "a", class: 0, rank: 1 },
        { ...row, image_id: "a", class: 2, rank: 2 },
        { ...row, image_id: "b", position: 1, class: 0, rank: 1 },
      ];
      const { summary } = await select({ shards: [shard] }, { ...common, ...options });
      expect(summary.short).toEqual([]);
      expect(summary.empty).toEqual(["dog", "ship"]);
    });

    it("takes the best of each group of pictures that look alike, however large the group is", async () => {
      // One picture a thousand times, better than all others, and ten other ones, all in two classes.
      const images = Array.from({ length: 1010 }, (_, position) => position);
      const phashOf = (image: number): bigint =>
        image < 1000 ? BigInt(image % 8) : BigInt.asIntN(64, BigInt(image) * 0x9e3779b97f4a7c15n);
      const shard = images.flatMap((position) =>
        [0, 1].map((rank) => ({
          image_id: `${position}`.padStart(4, "0"),
          position,
          class: rank,
          score: Math.fround((0.9 - position / 5000) / (rank + 1)),
          rank: rank + 1,
          phash: phashOf(position),
        })),
      );
      const tables = { shards: [shard], references: [{ image_id: "x", phash: -1n, set: "test" as const }] };
      const options = { ...common, images: 1010, k: 5, duplicateDistance: 3 };
      const { rows, summary } = await select(tables, options);
      expect(rows.map(({ position, class: index }) => [position, index])).toEqual(
        [0, 1000, 1001, 1002, 1003].flatMap((position) => [
          [position, 0],
          [position, 1],
        ]),
      );
      expect(summary.copies).toEqual({ rows: 1998, groups: 2, largest: 999 });
      const kept = await select(tables, { ...options, keepDuplicates: true });
      expect(kept.rows.map(({ position }) => position)).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
      expect(kept.summary.copies).toBeNull();
    });

    it("gives the nearest reference of a duplicate, by name among equals", async () => {
      const shard = [{ image_id: "u", position: 0, class: 0, score: 1, rank: 1, phash: 0b1000n }];
      const references = [
        { image_id: "z", phash: 0b1001n, set: "test" as const },
        { image_id: "b", phash: 0b1100n, set: "test" as const },
        { image_id: "c", phash: 0b1111n, set: "labelled" as const },
        { image_id: "d", phash: 0b10111n, set: "validation" as const },
      ];
      const options = { ...common, duplicateDistance: 3 };
      const { summary, rows } = await select({ shards: [shard], references }, options);
      expect(rows).toEqual([]);
      expect(summary.duplicates).toEqual({
        images: 1,
        sets: { labelled: 1, validation: 0, test: 1 },
        labelledTests: 0,
        examples: [
          { image_id: "u", reference_id: "b", set: "test", distance: 1 },
          { image_id: "u", reference_id: "c", set: "labelled", distance: 3 },
        ],
      });
    });

    it("depends neither on how images are spread over files nor on the order of the files", async () => {
      const images = Array.from({ length: 500 }, (_, image) => manyTies(image));
      const ranks = async (files: number, step: number): Promise<readonly string[]> => {
        const fileOf = (rows: readonly ScoreRow[]): number => (rows[0]!.position * step) % files;
        const shards = Array.from({ length: files }, (_, file) =>
          images.filter((rows) => fileOf(rows) === file).flat(),
        );
        const { rows } = await select({ shards }, { ...common, k: 60 });
        return rows.map((row) => `${row.class} ${row.class_rank} ${row.image_id} ${row.score}`).toSorted();
      };
      const whole = await ranks(1, 1);
      expect(whole).toHaveLength(180);
      expect(await ranks(7, 1)).toEqual(whole);
      expect(await ranks(7, 3)).toEqual(whole);
    });

    it.each<[string, Partial<SelectionOptions>, string]>([
      ["no images of a class", { k: 0 }, "semi/k"],
      ["half an image", { k: 1.5 }, "semi/k"],
      ["a threshold above 1", { ranking: "threshold", threshold: 95 }, "semi/threshold"],
      ["a distance without references", { duplicateDistance: 2 }, "semi/duplicate-distance"],
      ["a distance of half the bits", { duplicateDistance: 32 }, "semi/duplicate-distance"],
    ])("refuses %s", async (_name, options, code) => {
      const selected = select({ shards: [manyTies(0)] }, { ...common, ...options });
      await expect(selected).rejects.toMatchObject({ name: "UsageError", code });
    });

    it("refuses a class index that no class has", async () => {
      for (const index of [-1, 3]) {
        const shards = [manyTies(0), manyTies(1).map((row) => ({ ...row, class: index }))];
        const selected = select({ shards }, common);
        await expect(selected).rejects.toMatchObject({ name: "DataError", code: "semi/scores" });
        await expect(selected).rejects.toThrow(`1.parquet: expected classes from 0 to 2, received ${index}`);
      }
    });

    it("stops with the reason of its signal", async () => {
      const reason = new Error("enough");
      const selected = select({ shards: [manyTies(0)] }, { ...common, signal: AbortSignal.abort(reason) });
      await expect(selected).rejects.toBe(reason);
    });
  });
}

/** Rows of an image in all three classes with one of five scores. */
export function manyTies(image: number): readonly ScoreRow[] {
  // No order that the files have too.
  const image_id = `${(image * 7919) % 10_007}.jpg`;
  return classes.map((_, rank) => ({
    image_id,
    position: image,
    class: (image + rank) % classes.length,
    score: Math.fround((((image >> 1) % 5) + 1) / (5 * (rank + 1))),
    rank: rank + 1,
    phash: BigInt(image),
  }));
}
