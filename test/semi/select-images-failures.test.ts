import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDuckdb } from "../../src/node/duckdb/duckdb.ts";
import { readSelection, rowsAtRanks, selectImages } from "../../src/node/semi.ts";
import type { SelectImagesOptions } from "../../src/semi/index.ts";
import type { ScoreFacts, ScoreRow } from "../../src/semi/tables.ts";
import { collect } from "../data/collect.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { facts, selectWithDuckdb, writeReferences, writeScores } from "./score-files.ts";

const folder = temporaryFolder();

const row = (position: number): ScoreRow => ({
  image_id: `${position}.jpg`,
  position,
  class: position % 3,
  score: 1 / (position + 1),
  rank: 1,
  phash: 0n,
});
const rows = Array.from({ length: 30 }, (_, position) => row(position));

/** Options for a folder of its own with two score files. */
async function ownOptions(changes: Partial<ScoreFacts> = {}): Promise<SelectImagesOptions> {
  const place = await mkdtemp(join(folder, "failure-"));
  const first = await writeScores(join(place, "00000.parquet"), rows);
  const second = await writeScores(join(place, "00001.parquet"), rows, changes);
  const out = join(place, "selection.parquet");
  await writeFile(out, "an earlier selection");
  return { scores: [first, second], classes: facts.classes, images: 60, k: 2, out };
}

/** An error with these words in its message. */
const saying = (words: string, error: object): object => ({
  ...error,
  message: expect.stringContaining(words),
});

async function expectNothingLost({ out }: SelectImagesOptions): Promise<void> {
  expect(await readFile(out, "utf8")).toBe("an earlier selection");
  const left = (await readdir(join(out, ".."))).filter((name) => /partial|spill/.test(name));
  expect(left).toEqual([]);
}

describe.each<[string, typeof selectImages]>([
  ["selectImages", selectImages],
  ["selectWithDuckdb", selectWithDuckdb],
])("%s refuses", (_way, select) => {
  const failureOf = (options: SelectImagesOptions): Promise<unknown> =>
    select(options).catch((error: unknown) => error);

  it.each<[string, Partial<SelectImagesOptions>, string, string]>([
    ["no score files", { scores: [] }, "semi/no-scores", "Score the unlabelled images first"],
    ["no images of a class", { k: 0 }, "semi/k", "received 0"],
    ["half an image", { k: 1.5 }, "semi/k", "received 1.5"],
    ["a threshold above 1", { ranking: "threshold", threshold: 95 }, "semi/threshold", "received 95"],
    ["a distance without references", { duplicateDistance: 2 }, "semi/duplicate-distance", "received none"],
    ["a distance of half the bits", { duplicateDistance: 32 }, "semi/duplicate-distance", "received 32"],
  ])("%s", async (_name, changes, code, words) => {
    const given = { ...(await ownOptions()), ...changes };
    expect(await failureOf(given)).toMatchObject(saying(words, { name: "UsageError", code }));
    await expectNothingLost(given);
  });

  it("scores of several teachers", async () => {
    const given = await ownOptions({ teacher: { name: "resnet50", sha256: "0123456789" } });
    const words = `${given.scores[1]}: expected scores of the teacher resnet20_cifar10 (a1)`;
    expect(await failureOf(given)).toMatchObject(
      saying(words, { name: "DataError", code: "semi/other-teacher" }),
    );
    expect(await failureOf(given)).toMatchObject(saying("received those of resnet50 (01234567)", {}));
  });

  it("scores of other classes", async () => {
    const fewer = await ownOptions({ classes: ["cat", "dog"] });
    expect(await failureOf(fewer)).toMatchObject(
      saying(`${fewer.scores[1]}: expected the 3 classes`, { code: "semi/other-classes" }),
    );
    const others = await ownOptions({ classes: ["cat", "dog", "frog"] });
    expect(await failureOf(others)).toMatchObject(
      saying('"ship" at 2, received "frog" there', { code: "semi/other-classes" }),
    );
  });

  it("a class index that no class has", async () => {
    const given = await ownOptions();
    await writeScores(given.scores[1]!, [{ ...row(0), class: 3 }]);
    expect(await failureOf(given)).toMatchObject(
      saying(`${given.scores[1]}: expected classes from 0 to 2`, { code: "semi/scores" }),
    );
    await expectNothingLost(given);
  });

  it("score files that are something else, or are not there", async () => {
    const given = await ownOptions();
    await writeFile(given.scores[1]!, "image_id,score\n");
    expect(await failureOf(given)).toMatchObject(
      saying(given.scores[1]!, { name: "DataError", code: "semi/table" }),
    );
    expect(await failureOf({ ...given, scores: ["absent"] })).toMatchObject(
      saying("absent", { code: "data/not-found" }),
    );
  });

  it("a damaged score file, which it names", async () => {
    const given = await ownOptions();
    const bytes = await readFile(given.scores[1]!);
    // In the header of a page, and in its data.
    for (const [from, to] of [
      [4, 60],
      [100, 130],
    ] as const) {
      await writeFile(given.scores[1]!, Buffer.from(bytes).fill(0xff, from, to));
      expect(await failureOf(given)).toMatchObject(
        saying(`${given.scores[1]}: the file is`, { name: "DataError", code: "semi/table" }),
      );
      await expectNothingLost(given);
    }
  });

  it("references that are something else", async () => {
    const given = await ownOptions();
    const references = given.scores[0]!;
    expect(await failureOf({ ...given, references, duplicateDistance: 0 })).toMatchObject(
      saying("phash, set", { code: "semi/table" }),
    );
  });

  it("a folder that is not there", async () => {
    const given = { ...(await ownOptions()), out: join(folder, "absent/selection.parquet") };
    expect(await failureOf(given)).toMatchObject(saying(given.out, { code: "data/not-found" }));
  });

  // Linux has a folder that not even root may write to.
  it.skipIf(!existsSync("/sys"))("a folder that is read-only", async () => {
    const given = { ...(await ownOptions()), out: "/sys/selection.parquet" };
    expect(await failureOf(given)).toMatchObject(
      saying(given.out, { name: "DataError", code: "data/permission" }),
    );
  });
});

describe("an abort", () => {
  it("stops before anything is done", async () => {
    const given = await ownOptions();
    const reason = new Error("Ctrl-C");
    await expect(selectImages({ ...given, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expectNothingLost(given);
  });

  it("stops a long query at once", async () => {
    const stop = new AbortController();
    const duckdb = await openDuckdb({ memoryLimit: 1e8, signal: stop.signal });
    const reason = new Error("Ctrl-C");
    const query = duckdb.run("SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE hash(a, b) = 0");
    setTimeout(() => stop.abort(reason), 100);
    const start = performance.now();
    await expect(query).rejects.toBe(reason);
    expect(performance.now() - start).toBeLessThan(10_000);
    await duckdb[Symbol.asyncDispose]();
  });

  it("in the middle leaves what was there", async () => {
    const given = await ownOptions();
    const many = Array.from({ length: 300_000 }, (_, position) => row(position));
    await writeScores(given.scores[0]!, many);
    const duration = async (signal?: AbortSignal): Promise<number> => {
      const start = performance.now();
      await selectImages({ ...given, k: 100_000, out: `${given.out}.whole`, signal });
      return performance.now() - start;
    };
    const whole = await duration();
    const reason = new Error("Ctrl-C");
    for (const share of [0.2, 0.4, 0.6]) {
      const stop = new AbortController();
      setTimeout(() => stop.abort(reason), share * whole);
      const outcome = await selectImages({ ...given, k: 100_000, signal: stop.signal }).catch(
        (error: unknown) => error,
      );
      expect(outcome).toBe(reason);
      await expectNothingLost(given);
    }
  });
});

describe("DuckDB", () => {
  // Linux has a device that is always full.
  it.skipIf(!existsSync("/dev/full"))("says that the disk is full", async () => {
    await using duckdb = await openDuckdb({ memoryLimit: 1e8, spillFolder: join(folder, "spill") });
    const write = duckdb.run("COPY (SELECT hash(range) FROM range(1000000)) TO '/dev/full' (FORMAT parquet)");
    await expect(write).rejects.toMatchObject({ name: "DataError", code: "data/disk-full" });
    await expect(write).rejects.toThrow("Free some space");
  });

  it("says that what does not fit in memory fills the disk", async () => {
    const spillFolder = join(folder, "spill");
    await using duckdb = await openDuckdb({ memoryLimit: 1e8, spillFolder });
    await duckdb.run("SET max_temp_directory_size = '10MB'");
    const query = duckdb.run("CREATE TABLE much AS SELECT hash(range) FROM range(30000000)");
    await expect(query).rejects.toMatchObject({ code: "data/disk-full" });
    await expect(query).rejects.toThrow(spillFolder);
  });

  it("says that the memory does not suffice", async () => {
    await using duckdb = await openDuckdb({ memoryLimit: 2e7 });
    const query = duckdb.run("CREATE TABLE much AS SELECT hash(range) FROM range(30000000)");
    await expect(query).rejects.toMatchObject({ name: "SessionError", code: "semi/memory" });
    await expect(query).rejects.toThrow("the 20 MB that DuckDB may take");
  });

  it("removes what a run that was killed has spilled", async () => {
    const spillFolder = join(folder, "killed.spill");
    await mkdir(spillFolder);
    await writeFile(join(spillFolder, "duckdb_temp_storage-0.tmp"), "much");
    const duckdb = await openDuckdb({ memoryLimit: 1e8, spillFolder });
    expect(existsSync(spillFolder)).toBe(false);
    await duckdb[Symbol.asyncDispose]();
  });
});

describe("the readers refuse", () => {
  it("what is no selection", async () => {
    const path = await writeReferences(join(folder, "references.parquet"), []);
    await expect(collect(readSelection(path))).rejects.toMatchObject({ code: "semi/table" });
    await expect(rowsAtRanks(path, [1])).rejects.toThrow("class_rank");
  });

  it("a damaged selection", async () => {
    const given = await ownOptions();
    await selectImages({ ...given, k: 10 });
    const bytes = await readFile(given.out);
    await writeFile(given.out, bytes.fill(0xff, 4, 400));
    await expect(collect(readSelection(given.out))).rejects.toMatchObject({ code: "semi/table" });
    await expect(rowsAtRanks(given.out, [1])).rejects.toMatchObject({ code: "semi/table" });
  });
});
