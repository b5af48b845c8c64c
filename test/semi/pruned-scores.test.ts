import * as fc from "fast-check";
import { existsSync } from "node:fs";
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDuckdb } from "../../src/node/duckdb/duckdb.ts";
import { duckdbPasses } from "../../src/node/duckdb/score-passes.ts";
import { nodeStorageFor } from "../../src/node/files/file-storage.ts";
import { nodeSemiPlatform, readSelection, selectImages } from "../../src/node/semi.ts";
import type { SelectImagesOptions, SelectionSummary } from "../../src/semi/index.ts";
import { readTable, tableFingerprint } from "../../src/semi/parquet-table.ts";
import { plainPasses } from "../../src/semi/score/pruned-scores.ts";
import { countsPath, prunedPath, whereWritable, writeCounts } from "../../src/semi/score/score-companions.ts";
import { countColumns, scoreCounts } from "../../src/semi/score/score-counts.ts";
import { arrangeScores } from "../../src/semi/score/score-files.ts";
import type { Ranking } from "../../src/semi/select/selection.ts";
import { pruneScored } from "../../src/semi/stages/prune-scores.ts";
import { scoreColumns, type ScoreRow } from "../../src/semi/tables.ts";
import { collect } from "../data/collect.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { naiveSelection, naiveSummary, type NaiveRule } from "./naive-selection.ts";
import { facts, selectWithDuckdb, writeReferences, writeScores } from "./score-files.ts";
import { referenceTables, scoreTables } from "./score-tables.ts";

const folder = temporaryFolder();
const { classes } = facts;
const rankings: readonly Ranking[] = ["balanced", "unbalanced", "threshold"];

/** Scores that fall from 1 on, ties among them, of images whose hashes differ in many bits. */
const fallingScores = (images: number, from = 0): readonly ScoreRow[] =>
  Array.from({ length: images }, (_, position) =>
    classes.slice(0, 2).map((_name, rank) => ({
      image_id: `${from + position}.jpg`,
      position,
      class: (from + position + rank) % classes.length,
      score: Math.fround((1 - Math.floor((from + position) / 4) / 2000) / (rank + 1)),
      rank: rank + 1,
      phash: BigInt.asIntN(64, BigInt(from + position + 1) * 0x9e3779b97f4a7c15n),
    })),
  ).flat();

/** Damages the first bytes after the magic number of a table. */
async function damageRows(path: string, bytes = 200): Promise<void> {
  const table = await readFile(path);
  await writeFile(path, table.fill(0xff, 4, Math.min(bytes, table.length >> 1)));
}

/** What can happen to what was derived from score files, by the name of what happens. */
const mishaps = {
  nothing: async () => undefined,
  "it is gone": (path: string) => rm(path, { force: true }),
  "it was cut off": async (path: string) => writeFile(path, (await readFile(path)).subarray(0, 40)),
  "its rows are damaged": (path: string) => damageRows(path, 60),
  "it is empty": (path: string) => writeFile(path, ""),
  "it is that of another shard": (path: string, other: string) => copyFile(other, path),
} satisfies Record<string, (path: string, other: string) => Promise<unknown>>;

describe.each(rankings)("a %s selection from pruned scores", (ranking) => {
  it("is that of sorting everything, whatever was selected before and happened to the files", async () => {
    const steps = fc.array(
      fc.record({
        k: fc.integer({ min: 1, max: 8 }),
        threshold: fc.constantFrom(0, 0.25, 0.95, 1),
        distance: fc.option(fc.integer({ min: 0, max: 4 })),
        keepDuplicates: fc.boolean(),
        shards: fc.integer({ min: 1, max: 4 }),
        happens: fc.constantFrom(...(Object.keys(mishaps) as (keyof typeof mishaps)[])),
        at: fc.nat(),
      }),
      { minLength: 2, maxLength: 4 },
    );
    let pruned = 0;
    await fc.assert(
      fc.asyncProperty(scoreTables(3), referenceTables, steps, async (random, references, selections) => {
        const shards = [...random, fallingScores(60), fallingScores(20, 60)];
        const place = await mkdtemp(join(folder, "steps-"));
        const compared = await writeReferences(join(place, "references.parquet"), references);
        const scores = await Promise.all(
          shards.map((rows, index) => writeScores(join(place, `${index}.parquet`), rows)),
        );
        for (const { k, threshold, distance, keepDuplicates, shards: count, happens, at } of selections) {
          const derived = (await readdir(place)).filter((name) => /counts|pruned/.test(name)).sort();
          const [one, other] = [derived[at % derived.length]!, derived[(at + 1) % derived.length]!];
          await mishaps[happens](join(place, one), join(place, other));
          // Of the first shards, or of the last ones.
          const [first, last] = at % 2 === 0 ? [0, count] : [shards.length - count, shards.length];
          const given = { ranking, k, threshold, keepDuplicates, classes, images: 100 };
          const out = join(place, "selection");
          const summary = await selectWithDuckdb({
            ...given,
            scores: scores.slice(first, last),
            references: compared,
            duplicateDistance: distance,
            out,
            threads: 2,
          });
          const rule: NaiveRule = { ...given, references, distance };
          const rows = await collect(readSelection(out));
          expect(rows).toEqual(naiveSelection(shards.slice(first, last), rule));
          expect(summary).toEqual(naiveSummary(shards.slice(first, last), rule, rows));
          pruned += (await readdir(place)).filter((name) => name.endsWith(".pruned")).length;
        }
      }),
      { numRuns: 25 },
    );
    expect(pruned).toBeGreaterThan(0);
  });
});

interface Prepared {
  readonly options: SelectImagesOptions;
  readonly scores: readonly string[];
  readonly select: (changes?: Partial<SelectImagesOptions>) => Promise<Selected>;
}

interface Selected {
  readonly summary: SelectionSummary;
  readonly bytes: Buffer;
}

/** Two score files in a folder of their own. */
async function prepared(): Promise<Prepared> {
  const place = await mkdtemp(join(folder, "pruned-"));
  const scores = [
    await writeScores(join(place, "000000-a.parquet"), fallingScores(1000)),
    await writeScores(join(place, "000001-b.parquet"), fallingScores(1000, 1000)),
  ];
  const options = { scores, classes, images: 2000, k: 20, out: join(place, "selection.parquet") };
  return {
    options,
    scores,
    async select(changes) {
      const summary = await selectWithDuckdb({ ...options, ...changes });
      return { summary, bytes: await readFile(options.out) };
    },
  };
}

describe("a selection", () => {
  it("reads nothing but what stands beside the score files, once that holds its rows", async () => {
    const { scores, select } = await prepared();
    const first = await select();
    const sizes = await Promise.all(scores.map(async (path) => (await stat(prunedPath(path))).size));
    for (const path of scores) await damageRows(path);
    expect(await select()).toEqual(first);
    expect((await select({ k: 25 })).summary.rows).toBe(75);
    // The lowest rows of the second file are far below: there is next to nothing in it.
    expect(sizes[1]).toBeLessThan(sizes[0]!);
    await expect(select({ k: 100 })).rejects.toMatchObject({ code: "semi/table" });
  });

  it("leaves other score files alone: of another teacher, or of a shard that has changed", async () => {
    const { scores, select } = await prepared();
    await select();
    const teacher = { name: "other", sha256: "c3" };
    const [before, derived] = [scores[0]!, prunedPath(scores[0]!)];
    const kept = [await readFile(derived), await readFile(countsPath(before))] as const;
    for (const [index, path] of scores.entries())
      await writeScores(path, fallingScores(1000, 500 * (1 - index)), { teacher });
    // Written again, they have their own counts; those of the other teacher are put back.
    await writeFile(derived, kept[0]);
    await writeFile(countsPath(before), kept[1]);
    const stale = await select();
    for (const path of scores) for (const of of [countsPath, prunedPath]) await rm(of(path), { force: true });
    expect(await select()).toEqual(stale);
  });

  // Linux has a folder that not even root may write to.
  it.skipIf(!existsSync("/sys"))("does without what cannot be written beside the scores", async () => {
    const path = "/sys/scores.parquet";
    await using duckdb = await openDuckdb({ memoryLimit: 1e8 });
    const origin = { table: "", ranking: "balanced", bounds: [] } as const;
    const storage = nodeStorageFor(path);
    expect(await whereWritable(() => writeCounts(storage, path, "", scoreCounts()))).toBe(false);
    expect(await whereWritable(() => duckdbPasses(duckdb).prune(path, origin))).toBe(false);
    const { scores, select } = await prepared();
    await rm(scores[0]!);
    await expect(select()).rejects.toMatchObject({ code: "data/not-found" });
  });
});

describe("counting and pruning", () => {
  it("give the same here and in DuckDB", async () => {
    await using duckdb = await openDuckdb({ memoryLimit: 1e8 });
    const [there, here] = [duckdbPasses(duckdb), plainPasses(nodeStorageFor)];
    const bounds = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 2 }), fc.constantFrom(0, 0.1, 0.5, 1).map(Math.fround)),
    );
    const path = join(folder, "both.parquet");
    await fc.assert(
      fc.asyncProperty(
        scoreTables(3),
        bounds,
        fc.constantFrom(...rankings),
        async (shards, some, ranking) => {
          await writeScores(path, shards.flat());
          const written = scoreCounts();
          for await (const row of readTable(nodeStorageFor(path), countsPath(path), countColumns))
            written.add(row);
          const counts = [await there.count(path), await here.count(path), written];
          for (const one of counts) expect([...one.rows()]).toEqual([...counts[0]!.rows()]);
          const origin = { table: await tableFingerprint(nodeStorageFor(path), path), ranking, bounds: some };
          const pruned = async (passes: typeof here): Promise<readonly string[]> => {
            await passes.prune(path, origin);
            const rows = await collect(readTable(nodeStorageFor(path), prunedPath(path), scoreColumns));
            // The order of the rows decides nothing.
            return rows.map((row) => Object.values(row).join()).sort();
          };
          expect(await pruned(there)).toEqual(await pruned(here));
        },
      ),
      { numRuns: 20 },
    );
  });

  it("follow score files that get another name, and go with them", async () => {
    const { scores, select, options } = await prepared();
    await select();
    const place = join(options.out, "..");
    const origin = { teacher: facts.teacher, classes, shard: facts.shard, p: facts.p, exif: facts.exif };
    await writeScores(scores[0]!, fallingScores(1000), { shard: { ...facts.shard, sha256: "gone" } });
    await arrangeScores(nodeSemiPlatform, place, new Map([["000000-b.parquet", origin]]));
    expect((await readdir(place)).sort()).toEqual([
      "000000-b.parquet",
      "000000-b.parquet.counts",
      "000000-b.parquet.pruned",
    ]);
  });

  it("are done once shards are scored, for selections as the settings ask for", async () => {
    const place = await mkdtemp(join(folder, "scored-"));
    const names = ["000000-a.parquet", "000001-b.parquet", "000002-c.parquet"];
    const storage = nodeStorageFor(place);
    for (const [index, name] of names.entries())
      await writeScores(join(place, name), fallingScores(20_000, 20_000 * index), { images: 20_000 });
    const context = {
      platform: nodeSemiPlatform,
      storage,
      path: (...parts: readonly string[]) => join(place, ...parts),
      settings: { k: 50, ranking: "balanced", threshold: 0.95, method: "paper" },
      signal: undefined,
    } as const;
    await pruneScored(context, ".", names.slice(0, 2), { index: 1, count: 2 });
    const scores = names.map((name) => join(place, name));
    for (const path of scores.slice(0, 2)) await damageRows(path);
    const options = { scores, classes, images: 60_000, k: 50, out: join(place, "selection.parquet") };
    expect((await selectImages(options)).rows).toBe(150);
  });
});
