import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nodeSemiPlatform, readSelection, rowsAtRanks, selectImages } from "../../src/node/semi.ts";
import { selectImages as selectImagesOn, type SelectImagesOptions } from "../../src/semi/index.ts";
import type { Ranking, SelectionSummary } from "../../src/semi/select/selection.ts";
import type { ReferenceRow, ScoreRow, SelectionRow } from "../../src/semi/tables.ts";
import { manyTies } from "../contract/selection.ts";
import { collect } from "../data/collect.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { facts, selectWithDuckdb, writeReferences, writeScores } from "./score-files.ts";

const folder = temporaryFolder();
const { classes } = facts;
const images = Array.from({ length: 3000 }, (_, image) => manyTies(image));

interface Selected {
  readonly rows: readonly SelectionRow[];
  readonly summary: SelectionSummary;
  /** The file of the selection, and what is in it. */
  readonly out: string;
  readonly bytes: Buffer;
}

async function select(
  shards: readonly (readonly ScoreRow[])[],
  options: Partial<SelectImagesOptions> = {},
  way: typeof selectImages = selectImages,
): Promise<Selected> {
  const place = await mkdtemp(join(folder, "selection-"));
  const scores = await Promise.all(
    shards.map((rows, shard) => writeScores(join(place, `${shard}.parquet`), rows)),
  );
  const out = join(place, "selection.parquet");
  const summary = await way({ scores, classes, images: 100, out, threads: 2, ...options });
  const left = (await readdir(place)).filter((name) => /partial|spill/.test(name));
  expect(left).toEqual([]);
  return { rows: await collect(readSelection(out)), summary, out, bytes: await readFile(out) };
}

const rankings: readonly Ranking[] = ["balanced", "unbalanced", "threshold"];

it.each(rankings)(
  "a %s selection depends neither on threads nor on how images are spread over files",
  async (ranking) => {
    const rule = { ranking, k: 400, threshold: 0.5 };
    const spread = (files: number, step: number): ScoreRow[][] =>
      Array.from({ length: files }, (_, file) =>
        images.filter((rows) => ((rows[0]!.position * step) % images.length) % files === file).flat(),
      );
    const whole = await select(spread(1, 1), { ...rule, threads: 1 });
    const names = ({ rows }: Selected): string[] =>
      rows.map((row) => `${row.class} ${row.class_rank} ${row.image_id} ${row.score}`).toSorted();
    for (const way of [selectImages, selectWithDuckdb]) {
      for (const [files, step, threads] of [
        [7, 1, 2],
        [7, 1, 1],
        [4, 7, 2],
      ] as const) {
        const parts = await select(spread(files, step), { ...rule, threads }, way);
        expect(names(parts)).toEqual(names(whole));
        expect(parts.summary).toEqual(whole.summary);
      }
    }
  },
);

describe("selectImages", () => {
  it("finds rows at ranks, for a strip of images of each class", async () => {
    for (const way of [selectImages, selectWithDuckdb]) {
      const { rows, out } = await select([images.slice(0, 200).flat()], { k: 60 }, way);
      const wanted = rows
        .filter(({ class_rank }) => [1, 30, 60].includes(class_rank))
        .toSorted((a, b) => a.class - b.class || a.class_rank - b.class_rank);
      expect(wanted).toHaveLength(9);
      expect(await rowsAtRanks(out, [60, 1, 30, 61])).toEqual(wanted);
      expect(await rowsAtRanks(out, [])).toEqual([]);
    }
  });

  it("writes the same file again", async () => {
    for (const way of [selectImages, selectWithDuckdb]) {
      const [first, again] = [await select([images.flat()], {}, way), await select([images.flat()], {}, way)];
      expect(again.bytes.equals(first.bytes)).toBe(true);
    }
  });

  describe("leaves to DuckDB", () => {
    // What made a file stands at its end.
    const isOfDuckdb = ({ bytes }: Selected): boolean => bytes.subarray(-300).includes("DuckDB");

    const many = Array.from({ length: 40_000 }, (_, image) => manyTies(image)).flat();

    it("many rows, with the same result", async () => {
      const few = [many.slice(0, 99_000)];
      expect(isOfDuckdb(await select([many], { k: 100 }))).toBe(true);
      const small = await select(few, { k: 9000 });
      const large = await select(few, { k: 9000 }, selectWithDuckdb);
      expect([small, large].map(isOfDuckdb)).toEqual([false, true]);
      expect(small.rows).toHaveLength(27_000);
      expect(small.rows).toEqual(large.rows);
      expect(small.summary).toEqual(large.summary);
    });

    it("no rows in another storage than the disk, nor without it", async () => {
      const { rows, summary } = await select([many], { k: 100 });
      const place = "memory:selection";
      await nodeSemiPlatform.storageFor(place).makeFolder(place);
      const given = { classes, images: 100, k: 100 };
      const scores = [await writeScores(`${place}/0.parquet`, many)];
      const out = `${place}/selection.parquet`;
      expect(await selectImages({ ...given, scores, out })).toEqual(summary);
      expect(await collect(readSelection(out))).toEqual(rows);
      const without = await select([many], { k: 100 }, (options) =>
        selectImagesOn({ ...nodeSemiPlatform, selectImages: undefined }, options),
      );
      expect(isOfDuckdb(without)).toBe(false);
      expect(without.rows).toEqual(rows);
    });

    it("what does not fit in its memory", async () => {
      const few = [many.slice(0, 90_000)];
      expect(isOfDuckdb(await select(few, { k: 100, memoryLimit: 50e6 }))).toBe(true);
    });

    it("many references, and hashes of which many have to be compared", async () => {
      const references: ReferenceRow[] = Array.from({ length: 100 }, (_, index) => ({
        image_id: `${index}`,
        phash: BigInt(index) << 20n,
        set: "test",
      }));
      const path = await writeReferences(join(folder, "references.parquet"), references);
      const given = { references: path, images: 300_000, k: 500 };
      const near = await select([images.flat()], { ...given, duplicateDistance: 3 });
      const far = await select([images.flat()], { ...given, duplicateDistance: 16 });
      expect([near, far].map(isOfDuckdb)).toEqual([false, true]);
      expect(near.summary.duplicates!.images).toBeGreaterThan(0);
    });
  });
});
