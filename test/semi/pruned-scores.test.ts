import * as fc from "fast-check";
import { existsSync } from "node:fs";
import { copyFile, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDuckdb } from "../../src/node/duckdb/duckdb.ts";
import { selectWithDuckdb as selectChecked } from "../../src/node/duckdb/select-images.ts";
import { addQueried } from "../../src/node/duckdb/score-rows.ts";
import { nodeStorageFor } from "../../src/node/files/file-storage.ts";
import { nodeSemiPlatform, readSelection, selectImages } from "../../src/node/semi.ts";
import type { SelectImagesOptions, SelectionSummary } from "../../src/semi/index.ts";
import { openTableWriter } from "../../src/semi/parquet-table.ts";
import { prunedFolder, standingPruned } from "../../src/semi/score/pruned-scores.ts";
import {
  addEncoded,
  boundsOf,
  bucketOf,
  bucketStart,
  countedRows,
  countRows,
  encodeCounts,
  noCounts,
  rowsReaching,
} from "../../src/semi/score/score-counts.ts";
import { saidOfRows } from "../../src/semi/score/score-files.ts";
import { checkSelection } from "../../src/semi/select/select-images.ts";
import type { Ranking } from "../../src/semi/select/selection.ts";
import { countedScores, sqlFiles } from "../../src/semi/select/select-sql.ts";
import { pruneScored } from "../../src/semi/stages/prune-scores.ts";
import { scoreColumns, scoreFactsKey, scoreRowsKey, type ScoreRow } from "../../src/semi/tables.ts";
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

/** A score file as earlier versions wrote it, and other programs do: without counts and digest. */
async function writeUncounted(path: string, rows: Iterable<ScoreRow>): Promise<string> {
  const writer = await openTableWriter(nodeStorageFor(path), path, scoreColumns);
  await writer.write(rows);
  await writer.close([{ key: scoreFactsKey, value: JSON.stringify(facts) }]);
  return path;
}

/** A score file whose writer said wrong counts, as another program leaves them that writes the table again, with its own name or ours. */
async function writeStale(
  path: string,
  rows: Iterable<ScoreRow>,
  counted: Iterable<ScoreRow>,
  by: string,
): Promise<string> {
  const counts = noCounts(classes.length);
  for (const row of counted) countRows(counts, row);
  const said = await saidOfRows(by, "0123", encodeCounts(counts));
  const writer = await openTableWriter(nodeStorageFor(path), path, scoreColumns);
  await writer.write(rows);
  await writer.close([
    { key: scoreFactsKey, value: JSON.stringify(facts) },
    { key: scoreRowsKey, value: JSON.stringify(said) },
  ]);
  return path;
}

const prunedOf = async (scores: string): Promise<readonly string[]> => {
  const storage = nodeStorageFor(scores);
  return (await standingPruned(storage, prunedFolder(storage, join(scores, "..")))).map(({ path }) => path);
};

/** What can happen to pruned scores, by the name of what happens. */
const mishaps = {
  nothing: async () => undefined,
  "it is gone": (path: string) => rm(path, { force: true }),
  "it was cut off": async (path: string) => writeFile(path, (await readFile(path)).subarray(0, 40)),
  "its rows are damaged": (path: string) => damageRows(path, 60),
  "it is empty": (path: string) => writeFile(path, ""),
  "it has the name of another one": (path: string, other: string) => copyFile(other, path),
} satisfies Record<string, (path: string, other: string) => Promise<unknown>>;

describe("scores of float32", () => {
  const scores = fc.oneof(
    fc.float({ min: 0, max: 1, noNaN: true }),
    fc.integer({ min: 0, max: 2 ** 24 }).map((steps) => 1 - steps * 2 ** -24),
    fc.constantFrom(0, 2 ** -149, 2 ** -40, 0.5, 0.5 + 2 ** -24, 0.5 - 2 ** -25, 1 - 2 ** -24, 1, 2, -1),
  );

  it("fall into buckets that grow with them, of which each begins where it says", () => {
    fc.assert(
      fc.property(scores, scores, (one, other) => {
        if (one <= other) expect(bucketOf(one)).toBeLessThanOrEqual(bucketOf(other));
        expect(bucketStart(bucketOf(one))).toBeLessThanOrEqual(one);
      }),
    );
    for (let bucket = 0; bucket < 250; bucket++) {
      const start = bucketStart(bucket);
      expect(Math.fround(start)).toBe(start);
      // Near 1 there are buckets without a number.
      expect(bucketOf(start)).toBeGreaterThanOrEqual(bucket);
      // The next float32 below.
      const bits = new Uint32Array(new Float32Array([start]).buffer);
      const below = new Float32Array(new Uint32Array([bits[0]! - 1]).buffer)[0]!;
      if (bucket > 0) expect(bucketOf(below)).toBeLessThan(bucket);
    }
  });

  it("are counted the same by rows, in a file, and in DuckDB as far as bounds need", async () => {
    await using duckdb = await openDuckdb({ memoryLimit: 1e8 });
    const path = join(folder, "counted.parquet");
    const tables = fc.tuple(scoreTables(3), fc.constantFrom(...rankings), fc.integer({ min: 1, max: 9 }));
    await fc.assert(
      fc.asyncProperty(tables, async ([shards, ranking, rows]) => {
        const all = shards.flat();
        await writeUncounted(path, all);
        const counts = noCounts(3);
        for (const row of all) countRows(counts, row);
        expect(countedRows(counts)).toBe(all.length);
        const read = noCounts(3);
        expect(addEncoded(read, encodeCounts(counts), all.length + 1)).toBe(false);
        expect(addEncoded(read, encodeCounts(counts), all.length)).toBe(true);
        expect(read).toEqual(counts);
        const queried = noCounts(3);
        expect(await addQueried(duckdb, queried, countedScores(sqlFiles([path])))).toBeUndefined();
        expect(countedRows(queried)).toBe(all.length);
        const bound = ranking === "threshold" ? { ranking, score: 0.5 } : { ranking, rows };
        for (const [index, lowest] of boundsOf(queried, bound).entries())
          expect(lowest).toBeLessThanOrEqual(boundsOf(counts, bound)[index]!);
        const reaching = all.filter(
          (row) =>
            Number.isFinite(row.score) &&
            (ranking === "balanced" || row.rank === 1) &&
            row.score >= boundsOf(counts, bound)[row.class]!,
        );
        expect(rowsReaching(counts, ranking, boundsOf(counts, bound))).toBe(reaching.length);
      }),
      { numRuns: 50 },
    );
  });

  it("are not counted by a text of other classes, of other rows, or of something else", () => {
    const counts = noCounts(3);
    countRows(counts, { class: 2, rank: 1, score: 0.5 }, 300);
    const text = encodeCounts(counts);
    for (const [into, what, rows] of [
      [noCounts(2), text, 300],
      [noCounts(3), text, 299],
      [noCounts(3), text.slice(0, 4), 300],
      [noCounts(3), "no base64!", 300],
      [noCounts(3), "", 1],
    ] as const) {
      expect(addEncoded(into, what, rows)).toBe(false);
      expect(countedRows(into)).toBe(0);
    }
  });
});

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
    const tables = [scoreTables(3), referenceTables, fc.nat(1), steps] as const;
    await fc.assert(
      fc.asyncProperty(...tables, async (random, references, uncounted, selections) => {
        const shards = [...random, fallingScores(60), fallingScores(20, 60)];
        const place = await mkdtemp(join(folder, "steps-"));
        // Some look like images that rank high.
        const near = fallingScores(80)
          .filter((_row, index) => index % 26 === 0)
          .map(({ phash }, index) => ({ image_id: `near ${index}`, phash, set: "labelled" as const }));
        const sought = [...references, ...near];
        const compared = await writeReferences(join(place, "references.parquet"), sought);
        const scores = await Promise.all(
          shards.map((rows, index) =>
            (index < uncounted ? writeUncounted : writeScores)(join(place, `${index}.parquet`), rows),
          ),
        );
        for (const { k, threshold, distance, keepDuplicates, shards: count, happens, at } of selections) {
          const standing = await prunedOf(scores[0]!);
          if (standing.length > 0)
            await mishaps[happens](standing[at % standing.length]!, standing[(at + 1) % standing.length]!);
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
          const rule: NaiveRule = { ...given, references: sought, distance };
          const rows = await collect(readSelection(out));
          expect(rows).toEqual(naiveSelection(shards.slice(first, last), rule));
          expect(summary).toEqual(naiveSummary(shards.slice(first, last), rule, rows));
          pruned += (await prunedOf(scores[0]!)).length;
        }
      }),
      { numRuns: 15 },
    );
    expect(pruned).toBeGreaterThan(0);
  });
});

interface Selected {
  readonly summary: SelectionSummary;
  readonly bytes: Buffer;
}

interface Prepared {
  readonly scores: readonly string[];
  readonly select: (changes?: Partial<SelectImagesOptions>) => Promise<Selected>;
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
    scores,
    async select(changes) {
      const given = { ...options, ...changes };
      const summary = await selectWithDuckdb(given);
      return { summary, bytes: await readFile(given.out) };
    },
  };
}

describe("a selection", () => {
  it("reads no rows but the pruned ones, once these are enough", async () => {
    const { scores, select } = await prepared();
    const first = await select();
    expect(await prunedOf(scores[0]!)).toHaveLength(1);
    for (const path of scores) await damageRows(path);
    expect(await select()).toEqual(first);
    expect((await select({ k: 25 })).summary.rows).toBe(75);
    await expect(select({ k: 100 })).rejects.toMatchObject({ code: "semi/table" });
  });

  it("knows score files by their rows, whatever they are called", async () => {
    const { scores, select } = await prepared();
    const first = await select();
    const moved = scores.map((path) => `${path}-moved`);
    for (const [index, path] of scores.entries()) await rename(path, moved[index]!);
    for (const path of moved) await damageRows(path);
    expect(await select({ scores: moved })).toEqual(first);
    // The same names, other rows.
    for (const [index, path] of scores.entries())
      await writeScores(path, fallingScores(1000, 500 * (1 - index)));
    const after = await select();
    await rm(join(scores[0]!, "..", "pruned"), { recursive: true });
    expect(await select()).toEqual(after);
  });

  it("puts what holds more in the place of pruned scores, and reads them where they are enough", async () => {
    const { scores, select } = await prepared();
    const small = await select();
    const [first] = await prunedOf(scores[0]!);
    await select({ k: 60 });
    const larger = await prunedOf(scores[0]!);
    expect(larger).toHaveLength(1);
    expect(larger).not.toContain(first);
    expect(await select()).toEqual(small);
    expect(await prunedOf(scores[0]!)).toEqual(larger);
  });

  it("looks far enough down where duplicates share a group of scores with others, but not their bucket", async () => {
    const place = await mkdtemp(join(folder, "duplicates-"));
    const [start, below] = [Math.fround(0.3125), Math.fround(0.3124969)];
    expect(bucketOf(start)).toBe(bucketOf(below) + 1);
    const shown = [start, below, start, start, below, below, 0.25, 0.2].map((score, position) => ({
      image_id: `${position}.jpg`,
      position,
      class: 0,
      score: Math.fround(score),
      rank: 1,
      phash: position < 2 ? 0n : BigInt.asIntN(64, BigInt(position) * 0x9e3779b97f4a7c15n),
    }));
    const references = [{ image_id: "labelled", phash: 0n, set: "labelled" as const }];
    const given = { k: 3, classes, images: 8, keepDuplicates: true };
    const compared = await writeReferences(join(place, "references.parquet"), references);
    for (const ranking of rankings.slice(0, 2)) {
      const out = join(place, ranking);
      const scores = [await writeScores(join(place, `${ranking}.parquet`), shown)];
      const options = { ...given, ranking, k: ranking === "balanced" ? 3 : 1, duplicateDistance: 0 };
      await selectWithDuckdb({ ...options, scores, references: compared, out });
      const rule: NaiveRule = { ...options, references, distance: 0, threshold: 0 };
      expect(await collect(readSelection(out))).toEqual(naiveSelection([shown], rule));
    }
  });

  it("keeps no rows that a file had by the time they were read under what it said before", async () => {
    const { scores, select } = await prepared();
    const [a, b] = scores as [string, string];
    const swap = async (): Promise<void> => {
      await rename(a, `${a}-aside`);
      await rename(b, a);
      await rename(`${a}-aside`, b);
    };
    const out = join(a, "..", "selection.parquet");
    const options = await checkSelection(nodeSemiPlatform, { scores, classes, images: 2000, k: 20, out });
    await swap();
    await selectChecked(options);
    expect(await prunedOf(a)).toEqual([]);
    await swap();
    const after = await select();
    await rm(join(a, "..", "pruned"), { recursive: true });
    expect(await select()).toEqual(after);
  });

  it("does not believe what stands in a table that another program has written again", async () => {
    const place = await mkdtemp(join(folder, "stale-"));
    const rows = fallingScores(1000);
    const paths = await Promise.all(
      ["another program", "ssl-resnext"].map((by, index) =>
        writeStale(
          join(place, `${index}.parquet`),
          rows,
          rows.map((row) => ({ ...row, score: 0.001 })),
          by,
        ),
      ),
    );
    const given = { classes, images: 1000, k: 20, out: join(place, "selection.parquet") };
    await selectWithDuckdb({ ...given, scores: [paths[0]!] });
    const rule = {
      ranking: "balanced",
      ...given,
      threshold: 0,
      references: [],
      distance: null,
      keepDuplicates: false,
    } as const;
    expect(await collect(readSelection(given.out))).toEqual(naiveSelection([rows], rule));
    // Where the name is ours it is our fault, but it ends.
    const compared = await writeReferences(join(place, "references.parquet"), [
      { image_id: "x", phash: 5n, set: "test" },
    ]);
    const looking = { ...given, k: 900, references: compared, duplicateDistance: 0 };
    await selectWithDuckdb({ ...looking, scores: [paths[1]!] });
    const text = await readFile(paths[1]!);
    const at = text.indexOf('"counts":"') + 20;
    text[at] = text[at] === 65 ? 66 : 65;
    await writeFile(paths[1]!, text);
    await selectWithDuckdb({ ...given, scores: [paths[1]!] });
    expect(await collect(readSelection(given.out))).toEqual(naiveSelection([rows], rule));
  });

  it("is its own among several at once over the same files", async () => {
    const { scores, select } = await prepared();
    const sizes = [3, 20, 60, 110, 9, 40];
    const alone = await Promise.all(
      sizes.map(async (k) => {
        const other = await prepared();
        return other.select({ k });
      }),
    );
    for (let round = 0; round < 4; round++) {
      const outs = sizes.map((k) => join(scores[0]!, "..", `selection-${k}`));
      const together = await Promise.all(sizes.map((k, index) => select({ k, out: outs[index]! })));
      expect(together).toEqual(alone);
    }
  });

  // Linux has a folder that not even root may write to.
  it.skipIf(!existsSync("/sys/kernel"))("does without pruned scores where none can be written", async () => {
    const { scores, select } = await prepared();
    const first = await select();
    const place = join(scores[0]!, "..", "pruned");
    for (const put of [
      () => symlink("/sys/kernel", place),
      () => symlink("nowhere", place),
      () => writeFile(place, "a file in the place of the folder"),
    ]) {
      await rm(place, { recursive: true });
      await put();
      expect(await select()).toEqual(first);
    }
  });
});

/** What pruning needs of a run in a folder. */
const runIn = (place: string): Parameters<typeof pruneScored>[0] => ({
  platform: nodeSemiPlatform,
  storage: nodeStorageFor(place),
  path: (...parts) => join(place, ...parts),
  settings: { k: 50, ranking: "balanced", threshold: 0.95, method: "paper" },
  signal: undefined,
});

describe("pruning", () => {
  it("is done once shards are scored, for selections as the settings ask for", async () => {
    const place = await mkdtemp(join(folder, "scored-"));
    const names = ["000000-a.parquet", "000001-b.parquet", "000002-c.parquet"];
    for (const [index, name] of names.entries())
      await writeScores(join(place, name), fallingScores(20_000, 20_000 * index), { images: 20_000 });
    const part = { index: 1, count: 2 };
    await pruneScored(runIn(place), { folder: ".", names: names.slice(0, 2), classes, part });
    const scores = names.map((name) => join(place, name));
    for (const path of scores.slice(0, 2)) await damageRows(path);
    const options = { scores, classes, images: 60_000, k: 50, out: join(place, "selection.parquet") };
    expect((await selectImages(options)).rows).toBe(150);
  });

  it("leaves scoring alone where DuckDB cannot read a file", async () => {
    const place = await mkdtemp(join(folder, "unreadable-"));
    const path = await writeScores(join(place, "000000-a.parquet"), fallingScores(60_000));
    await damageRows(path);
    await pruneScored(runIn(place), { folder: ".", names: ["000000-a.parquet"], classes });
    expect(await readdir(join(place, "pruned"))).toEqual([]);
  });

  it("leaves scoring alone where files are not what they should be", async () => {
    const { scores } = await prepared();
    await writeFile(scores[1]!, "no table");
    const place = join(scores[0]!, "..");
    await pruneScored(runIn(place), { folder: ".", names: ["000000-a.parquet"], classes });
    expect((await readdir(place)).sort()).toEqual(["000000-a.parquet", "000001-b.parquet"]);
  });
});
