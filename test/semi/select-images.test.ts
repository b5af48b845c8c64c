import { mkdtemp, readdir } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readSelection, rowsAtRanks } from "../../src/node/semi.ts";
import { selectImages } from "../../src/node/semi/select-images.ts";
import type { SelectImagesOptions } from "../../src/semi/index.ts";
import type { Ranking, SelectionSummary } from "../../src/semi/select/selection.ts";
import type { ScoreRow, SelectionRow } from "../../src/semi/tables.ts";
import { collect } from "../data/collect.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { hammingDistance, naiveCandidates, naiveSelection, type NaiveRule } from "./naive-selection.ts";
import { facts, writeReferences, writeScores } from "./score-files.ts";
import { referenceTables, scoreTables } from "./score-tables.ts";

const folder = temporaryFolder();
const { classes } = facts;

interface Selected {
  readonly rows: readonly SelectionRow[];
  readonly summary: SelectionSummary;
  /** The file of the selection. */
  readonly out: string;
}

async function select(
  shards: readonly (readonly ScoreRow[])[],
  rule: Partial<NaiveRule>,
  options: Partial<SelectImagesOptions> = {},
): Promise<Selected> {
  const place = await mkdtemp(join(folder, "selection-"));
  const scores = await Promise.all(
    shards.map((rows, shard) => writeScores(join(place, `${shard}.parquet`), rows)),
  );
  const out = join(place, "selection.parquet");
  const references =
    rule.references && (await writeReferences(join(place, "references.parquet"), rule.references));
  const { ranking, k, threshold, distance: duplicateDistance } = rule;
  const given = { scores, classes, images: 100, out, ranking, k, threshold, duplicateDistance, references };
  const summary = await selectImages({ ...given, threads: 2, ...options });
  const left = (await readdir(place)).filter((name) => /partial|spill/.test(name));
  expect(left).toEqual([]);
  return { rows: await collect(readSelection(out)), summary, out };
}

const rankings: readonly Ranking[] = ["balanced", "unbalanced", "threshold"];

describe.each(rankings)("a %s selection", (ranking) => {
  it("is that of sorting everything", async () => {
    const counts = fc.integer({ min: 1, max: 12 });
    const thresholds = fc.constantFrom(0, 0.1, 0.95, 1);
    await fc.assert(
      fc.asyncProperty(scoreTables(classes.length), counts, thresholds, async (shards, k, threshold) => {
        const rule = { ranking, k, threshold, classes: classes.length, references: [], distance: null };
        const { rows, summary } = await select(shards, rule);
        expect(rows).toEqual(naiveSelection(shards, rule));
        expect(summary).toEqual(naiveSummary(shards, rule, rows));
      }),
      { numRuns: 30 },
    );
  });

  it("leaves out images that look like a reference", async () => {
    const distances = fc.integer({ min: 0, max: 6 });
    await fc.assert(
      fc.asyncProperty(scoreTables(2), referenceTables, distances, async (shards, references, distance) => {
        const rule = { ranking, k: 10, threshold: 0.2, classes: classes.length, references, distance };
        const { rows, summary } = await select(shards, rule);
        expect(rows).toEqual(naiveSelection(shards, rule));
        expect(summary).toEqual(naiveSummary(shards, rule, rows));
      }),
      { numRuns: 30 },
    );
  });

  it("depends neither on threads nor on how images are spread over files", async () => {
    const images = Array.from({ length: 3000 }, (_, image) => manyTies(image));
    const rule = { ranking, k: 400, threshold: 0.5 };
    const spread = (files: number, step: number): ScoreRow[][] =>
      Array.from({ length: files }, (_, file) =>
        images.filter((rows) => ((rows[0]!.position * step) % images.length) % files === file).flat(),
      );
    const whole = await select(spread(1, 1), rule, { threads: 1 });
    const names = ({ rows }: Selected): string[] =>
      rows.map((row) => `${row.class} ${row.class_rank} ${row.image_id} ${row.score}`).toSorted();
    for (const [files, step, threads] of [
      [7, 1, 2],
      [7, 1, 1],
      [4, 7, 2],
    ] as const) {
      const parts = await select(spread(files, step), rule, { threads });
      expect(names(parts)).toEqual(names(whole));
      expect(parts.summary).toEqual(whole.summary);
    }
  });
});

describe("selectImages", () => {
  it("takes 16 of 100 images that a class has on average, as the paper does", async () => {
    const shards = [Array.from({ length: 60 }, (_, image) => manyTies(image)).flat()];
    const { summary } = await select(shards, {}, { images: 60 });
    expect(summary).toMatchObject({ ranking: "balanced", k: 3, rows: 9, duplicates: null });
  });

  it("names the classes that have fewer images than it wants", async () => {
    const row = { position: 0, score: 0.5, phash: 0n };
    const shard = [
      { ...row, image_id: "a", class: 0, rank: 1 },
      { ...row, image_id: "a", class: 2, rank: 2 },
      { ...row, image_id: "b", position: 1, class: 0, rank: 1 },
    ];
    const { summary } = await select([shard], { k: 2 });
    expect(summary.short).toEqual(["dog", "ship"]);
  });

  it("gives the nearest reference of a duplicate, by name among equals", async () => {
    const shard = [{ image_id: "u", position: 0, class: 0, score: 1, rank: 1, phash: 0b1000n }];
    const references = [
      { image_id: "z", phash: 0b1001n, set: "test" as const },
      { image_id: "b", phash: 0b1100n, set: "test" as const },
      { image_id: "c", phash: 0b1111n, set: "labelled" as const },
      { image_id: "d", phash: 0b10111n, set: "validation" as const },
    ];
    const { summary, rows } = await select([shard], { references, distance: 3 });
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

  it("finds rows at ranks, for a strip of images of each class", async () => {
    const shards = [Array.from({ length: 200 }, (_, image) => manyTies(image)).flat()];
    const { rows, out } = await select(shards, { k: 60 });
    const wanted = rows
      .filter(({ class_rank }) => [1, 30, 60].includes(class_rank))
      .toSorted((a, b) => a.class - b.class || a.class_rank - b.class_rank);
    expect(wanted).toHaveLength(9);
    expect(await rowsAtRanks(out, [60, 1, 30, 61])).toEqual(wanted);
    expect(await rowsAtRanks(out, [])).toEqual([]);
  });
});

/** Rows of an image in all three classes with one of five scores. */
function manyTies(image: number): readonly ScoreRow[] {
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

function naiveSummary(
  shards: readonly (readonly ScoreRow[])[],
  rule: NaiveRule,
  rows: readonly SelectionRow[],
): SelectionSummary {
  const candidates = naiveCandidates(shards, rule);
  const finite = candidates.filter(({ score }) => Number.isFinite(score));
  const perClass = classes.map((name, index) => {
    const scores = rows.filter((row) => row.class === index).map(({ score }) => score);
    const best = finite.filter((row) => row.class === index && row.rank === 1);
    return {
      name,
      candidates: finite.filter((row) => row.class === index).length,
      selected: scores.length,
      highest: scores.length === 0 ? null : Math.max(...scores),
      lowest: scores.length === 0 ? null : Math.min(...scores),
      bestScores: Array.from(
        { length: 20 },
        (_, bin) => best.filter(({ score }) => Math.min(19, Math.floor(score * 20)) === bin).length,
      ),
    };
  });
  return {
    ranking: rule.ranking,
    k: rule.ranking === "threshold" ? null : rule.k,
    rows: rows.length,
    images: new Set(rows.map(({ shard, position }) => `${shard} ${position}`)).size,
    notFinite: candidates.length - finite.length,
    classes: perClass,
    short: perClass
      .filter((c) => rule.ranking === "balanced" && c.candidates < rule.k)
      .map(({ name }) => name),
    duplicates: naiveDuplicates(shards, rule),
  };
}

function naiveDuplicates(
  shards: readonly (readonly ScoreRow[])[],
  { references, distance }: NaiveRule,
): SelectionSummary["duplicates"] {
  if (distance === null) return null;
  const pairs = shards
    .flat()
    .filter(({ rank }) => rank === 1)
    .flatMap(({ image_id, phash }) =>
      (["labelled", "test", "validation"] as const).flatMap((set) => {
        const near = references
          .filter((reference) => reference.set === set)
          .map((reference) => ({
            image_id,
            reference_id: reference.image_id,
            set,
            distance: hammingDistance(phash, reference.phash),
          }))
          .filter((pair) => pair.distance <= distance)
          .toSorted((a, b) => a.distance - b.distance || byName(a.reference_id, b.reference_id));
        return near.slice(0, 1);
      }),
    )
    .toSorted((a, b) => a.distance - b.distance || byName(a.image_id, b.image_id));
  const count = (set: string): number => pairs.filter((pair) => pair.set === set).length;
  return {
    images: new Set(pairs.map(({ image_id }) => image_id)).size,
    sets: { labelled: count("labelled"), validation: count("validation"), test: count("test") },
    labelledTests: references.filter(
      ({ set, phash }) =>
        set === "test" && references.some((other) => other.set === "labelled" && other.phash === phash),
    ).length,
    examples: pairs.slice(0, 20),
  };
}

const byName = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
