import { existsSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import type { SelectImagesOptions } from "ssl-resnext/node";
import type { Benchmark } from "../benchmark.ts";
import { classesKept, generateScoreFiles, scoredClasses } from "../fixtures/score-files.ts";
import { runCommand } from "../measure/command.ts";
import { cacheFolder } from "../paths.ts";

/** Selection over many score rows. */
export const select: Benchmark = {
  name: "select",
  summary: "the K best images of 1,000 classes out of 200 million score rows (5 minutes, 4 GB of disk)",
  async run({ quick }) {
    const imagesPerFile = quick ? 100_000 : 1_000_000;
    const scores = await generateScoreFiles({ files: 20, imagesPerFile });
    const out = join(cacheFolder, "selection.parquet");
    try {
      const runs: Run[] = [];
      for (const files of [2, 20]) {
        const images = files * imagesPerFile;
        const k = defaultK(images);
        const part = scores.slice(0, files);
        for (const beside of ["nothing", "counts and rows"]) {
          const run = await selectAside({ scores: part, classes: scoredClasses, images, k, out });
          const scored = images * classesKept;
          const read = await readRows(part);
          runs.push({ ...run, k, beside, scored, read, wrong: await wrongRows(part, out, k) });
        }
        removeCompanions(part);
      }
      return report(runs);
    } finally {
      rmSync(dirname(scores[0]!), { recursive: true, force: true });
      rmSync(out, { force: true });
    }
  },
};

/** The paper's proportion. */
const defaultK = (images: number): number => Math.round((0.16 * images) / scoredClasses.length);

/** What selecting has left beside score files. */
const companions = (scores: readonly string[], ending: string): readonly string[] =>
  scores.map((path) => `${path}.${ending}`).filter(existsSync);

function removeCompanions(scores: readonly string[]): void {
  for (const ending of ["counts", "pruned"]) for (const path of companions(scores, ending)) rmSync(path);
}

/** Rows of the files beside score files that are read instead of them. */
async function readRows(scores: readonly string[]): Promise<number> {
  const files = companions(scores, "pruned");
  if (files.length < scores.length) throw new Error("Some score files were not pruned.");
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const list = files.map((path) => `'${path}'`).join(", ");
  const reader = await connection.runAndReadAll(`SELECT count(*)::DOUBLE FROM read_parquet([${list}])`);
  connection.closeSync();
  instance.closeSync();
  return reader.getRowsJS()[0]![0] as number;
}

interface Selected {
  readonly rows: number;
  readonly images: number;
  readonly seconds: number;
  /** Seconds of all threads. */
  readonly cpu: number;
  /** Resident memory in kB. */
  readonly peak: number;
}

interface Run extends Selected {
  readonly k: number;
  /** What stood beside the score files. */
  readonly beside: string;
  /** Rows of the files that were ranked from. */
  readonly read: number;
  readonly scored: number;
  /** Rows in which the sampled classes differ from the naive selection. */
  readonly wrong: number;
}

async function selectAside(options: SelectImagesOptions): Promise<Selected> {
  const program = fileURLToPath(new URL("../programs/select-images.js", import.meta.url));
  const { output } = await runCommand(process.execPath, [program, JSON.stringify(options)]);
  return JSON.parse(output) as Selected;
}

const sampledClasses = [0, 37, 74, 499, 500, 998, 999];

/** Compares some classes with those of a plain ranking of all their rows. */
async function wrongRows(scores: readonly string[], out: string, k: number): Promise<number> {
  const instance = await DuckDBInstance.create(":memory:", { memory_limit: "2GB" });
  const connection = await instance.connect();
  const files = scores.map((path) => `'${path}'`).join(", ");
  const columns = "shard, position, image_id, class, class_rank, score";
  const sampled = `class IN (${sampledClasses.join(", ")})`;
  await connection.run(`CREATE TABLE ours AS SELECT ${columns} FROM '${out}' WHERE ${sampled}`);
  await connection.run(`CREATE TABLE naive AS SELECT file_index AS shard, position, image_id, class,
    row_number() OVER (PARTITION BY class ORDER BY score DESC, image_id) AS class_rank, score
    FROM read_parquet([${files}]) WHERE ${sampled} QUALIFY class_rank <= ${k}`);
  const reader = await connection.runAndReadAll(`SELECT
    (SELECT count(*) FROM (FROM ours EXCEPT ALL FROM (SELECT ${columns} FROM naive)))
    + (SELECT count(*) FROM (SELECT ${columns} FROM naive EXCEPT ALL FROM ours)) AS wrong,
    (SELECT count(*) FROM naive) AS rows`);
  const [row] = reader.getRowObjectsJS() as { readonly wrong: bigint; readonly rows: bigint }[];
  connection.closeSync();
  instance.closeSync();
  if (row === undefined || row.rows === 0n) throw new Error("The naive selection has no rows.");
  return Number(row.wrong);
}

function report(runs: readonly Run[]): Awaited<ReturnType<Benchmark["run"]>> {
  const [, small, first, large] = runs as readonly [Run, Run, Run, Run];
  const wrong = runs.reduce((sum, run) => sum + run.wrong, 0);
  const ratio = large.peak / small.peak;
  const share = large.read / large.scored;
  return {
    title: "Selection",
    columns: [
      "score rows",
      "beside them",
      "K",
      "selected rows",
      "seconds",
      "CPU seconds",
      "rows ranked from",
      "peak resident memory, MB",
    ],
    rows: runs.map(({ scored, beside, k, rows, seconds, cpu, read, peak }) => [
      `${scored / 1e6} million`,
      beside,
      `${k}`,
      `${rows / 1e6} million`,
      seconds.toFixed(1),
      cpu.toFixed(1),
      `${((100 * read) / scored).toFixed(1)} %`,
      ((peak * 1024) / 1e6).toFixed(0),
    ]),
    targets: [
      {
        what: `${large.scored / 1e6} million rows, counted and pruned before`,
        wanted: "at most 60 s",
        measured: `${large.seconds.toFixed(1)} s`,
        met: large.seconds <= 60,
      },
      {
        what: "its rows of those that there are",
        wanted: "at most 5 %",
        measured: `${(100 * share).toFixed(1)} %`,
        met: share <= 0.05,
      },
      {
        what: "peak memory of all runs",
        wanted: "at most 1000 MB",
        measured: `${((Math.max(first.peak, large.peak) * 1024) / 1e6).toFixed(0)} MB`,
        met: Math.max(first.peak, large.peak) * 1024 <= 1e9,
      },
      {
        what: `peak memory over that of ${small.scored / 1e6} million rows`,
        wanted: "at most 1.10",
        measured: ratio.toFixed(2),
        met: ratio <= 1.1,
      },
      {
        what: `rows of ${sampledClasses.length} classes that differ from a plain ranking`,
        wanted: "0",
        measured: `${wrong}`,
        met: wrong === 0,
      },
    ],
    notes: [
      "A process of its own; seconds of the call, from checking the files to the summary. Files are in the page cache.",
      "Scores are made up, rounded to six decimals so that many are equal; ties go by the name of the image.",
    ],
    data: runs,
  };
}
