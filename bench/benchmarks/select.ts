import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import type { SelectImagesOptions } from "ssl-resnext/node";
import type { Benchmark } from "../benchmark.ts";
import { classesKept, generateScoreFiles, scoredClasses } from "../fixtures/score-files.ts";
import { runCommand } from "../measure/command.ts";
import { cacheFolder } from "../paths.ts";
import type { Report, Target } from "../report.ts";

/** Selection over many score rows. */
export const select: Benchmark = {
  name: "select",
  summary: "the K best images of 1,000 classes out of 200 million score rows (5 minutes, 4 GB of disk)",
  async run({ quick }) {
    const k = quick ? 1600 : 16_000;
    const sizes = [2, 20].map((files) => ({ files, k }));
    return report(await selected(sizes, quick ? 100_000 : 1_000_000), k);
  },
};

/** Selection over a billion rows, of which as large a share is taken. */
export const selectBillion: Benchmark = {
  name: "select-billion",
  summary: "the same out of a billion rows, of which 80 million are taken (15 minutes, 20 GB of disk)",
  async run({ quick }) {
    const imagesPerFile = quick ? 10_000 : 1_000_000;
    const sizes = [20, 100].map((files) => ({ files, k: (files * imagesPerFile) / 1250, memoryLimit: 4e9 }));
    const runs = await selected(sizes, imagesPerFile);
    return {
      ...tableOf(runs),
      title: "Selection out of a billion rows",
      targets: [wrongRowsTarget(runs)],
      notes: [...notes, "memoryLimit is 4 GB."],
      data: runs,
    };
  },
};

interface Size extends Pick<SelectImagesOptions, "memoryLimit"> {
  readonly files: number;
  readonly k: number;
}

/** Selects out of made-up score files, of which each size takes the first ones. */
async function selected(sizes: readonly Size[], imagesPerFile: number): Promise<readonly Run[]> {
  const scores = await generateScoreFiles({ files: sizes.at(-1)!.files, imagesPerFile });
  const out = join(cacheFolder, "selection.parquet");
  try {
    const runs: Run[] = [];
    for (const { files, ...how } of sizes) {
      const images = files * imagesPerFile;
      const part = scores.slice(0, files);
      const run = await selectAside({ scores: part, classes: scoredClasses, images, ...how, out });
      runs.push({ ...run, scored: images * classesKept, wrong: await wrongRows(part, out, how.k) });
    }
    return runs;
  } finally {
    rmSync(dirname(scores[0]!), { recursive: true, force: true });
    rmSync(out, { force: true });
  }
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

const notes = [
  "A process of its own; seconds of the call, from checking the files to the summary. Files are in the page cache.",
  "Scores are made up, rounded to six decimals so that many are equal; ties go by the name of the image.",
];

const tableOf = (runs: readonly Run[]): Pick<Report, "columns" | "rows"> => ({
  columns: ["score rows", "selected rows", "seconds", "CPU seconds", "peak resident memory, MB"],
  rows: runs.map(({ scored, rows, seconds, cpu, peak }) => [
    `${scored / 1e6} million`,
    `${rows / 1e6} million`,
    seconds.toFixed(1),
    cpu.toFixed(1),
    ((peak * 1024) / 1e6).toFixed(0),
  ]),
});

function wrongRowsTarget(runs: readonly Run[]): Target {
  const wrong = runs.reduce((sum, run) => sum + run.wrong, 0);
  return {
    what: `rows of ${sampledClasses.length} classes that differ from a plain ranking`,
    wanted: "0",
    measured: `${wrong}`,
    met: wrong === 0,
  };
}

function report(runs: readonly Run[], k: number): Report {
  const small = runs[0]!;
  const large = runs[1]!;
  const ratio = large.peak / small.peak;
  return {
    ...tableOf(runs),
    title: "Selection",
    targets: [
      {
        what: `${large.scored / 1e6} million rows, ${scoredClasses.length} classes, K = ${k}`,
        wanted: "at most 60 s",
        measured: `${large.seconds.toFixed(1)} s`,
        met: large.seconds <= 60,
      },
      {
        what: "its peak memory",
        wanted: "at most 1000 MB",
        measured: `${((large.peak * 1024) / 1e6).toFixed(0)} MB`,
        met: large.peak * 1024 <= 1e9,
      },
      {
        what: `peak memory over that of ${small.scored / 1e6} million rows`,
        wanted: "at most 1.10",
        measured: ratio.toFixed(2),
        met: ratio <= 1.1,
      },
      wrongRowsTarget(runs),
    ],
    notes,
    data: runs,
  };
}
