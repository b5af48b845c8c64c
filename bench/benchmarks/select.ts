import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import type { SelectImagesOptions } from "ssl-resnext/node";
import type { Benchmark } from "../benchmark.ts";
import {
  classesKept,
  generateScoreFiles,
  scoredClasses,
  type ScoreFileOptions,
} from "../fixtures/score-files.ts";
import { runCommand } from "../measure/command.ts";
import { cacheFolder } from "../paths.ts";
import type { Report, Target } from "../report.ts";

/** Images of each class, by the paper's proportion. */
const defaultK = (images: number): number => Math.round((0.16 * images) / scoredClasses.length);

/** Selection over many score rows. */
export const select: Benchmark = {
  name: "select",
  summary: "the K best images of 1,000 classes out of 200 million score rows (8 minutes, 6 GB of disk)",
  async run({ quick }) {
    const imagesPerFile = quick ? 100_000 : 1_000_000;
    const sizes = [2, 20].map((files) => ({ files, k: defaultK(files * imagesPerFile) }));
    const plain = await selected(sizes, { imagesPerFile, counted: false });
    return report([...plain, ...(await selected(sizes, { imagesPerFile }))]);
  },
};

/** Selection over a billion rows, of which as large a share is taken. */
export const selectBillion: Benchmark = {
  name: "select-billion",
  summary: "the same out of a billion rows (20 minutes, 20 GB of disk)",
  async run({ quick }) {
    const imagesPerFile = quick ? 10_000 : 1_000_000;
    const sizes = [20, 100].map((files) => ({ files, k: defaultK(files * imagesPerFile), memoryLimit: 4e9 }));
    const runs = await selected(sizes, { imagesPerFile });
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

/** Selects out of made-up score files, of which each size takes the first ones: where they say their counts, once more from pruned rows. */
async function selected(
  sizes: readonly Size[],
  how: Pick<ScoreFileOptions, "imagesPerFile" | "counted">,
): Promise<readonly Run[]> {
  const { imagesPerFile, counted = true } = how;
  const scores = await generateScoreFiles({ files: sizes.at(-1)!.files, ...how });
  const folder = dirname(scores[0]!);
  const out = join(cacheFolder, "selection.parquet");
  try {
    const runs: Run[] = [];
    for (const { files, ...options } of sizes) {
      const images = files * imagesPerFile;
      const part = scores.slice(0, files);
      const scored = images * classesKept;
      for (const from of counted ? ["counts", "counts and pruned rows"] : ["all rows"]) {
        const run = await selectAside({ scores: part, classes: scoredClasses, images, ...options, out });
        const wrong = await wrongRows(part, out, options.k);
        const read = counted ? await rowsIn(join(folder, "pruned")) : scored;
        runs.push({ ...run, from, k: options.k, scored, read, wrong });
      }
      rmSync(join(folder, "pruned"), { recursive: true, force: true });
    }
    return runs;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(out, { force: true });
  }
}

/** Rows of all Parquet files in a folder. */
async function rowsIn(folder: string): Promise<number> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(`SELECT count(*)::DOUBLE FROM '${folder}/*.parquet'`);
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
  /** What the selection was made from. */
  readonly from: string;
  readonly k: number;
  readonly scored: number;
  /** Rows that were ranked from. */
  readonly read: number;
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
  columns: [
    "score rows",
    "from",
    "K",
    "selected rows",
    "seconds",
    "CPU seconds",
    "rows ranked from",
    "peak resident memory, MB",
  ],
  rows: runs.map(({ scored, from, k, rows, seconds, cpu, read, peak }) => [
    `${scored / 1e6} million`,
    from,
    `${k}`,
    `${rows / 1e6} million`,
    seconds.toFixed(1),
    cpu.toFixed(1),
    `${((100 * read) / scored).toFixed(1)} %`,
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

function report(runs: readonly Run[]): Report {
  const [smallPlain, plain, , , , pruned] = runs as readonly [Run, Run, Run, Run, Run, Run];
  const [share, gain] = [pruned.read / pruned.scored, plain.seconds / pruned.seconds];
  return {
    ...tableOf([smallPlain, ...runs.slice(2, 4), plain, ...runs.slice(4)]),
    title: "Selection",
    targets: [
      {
        what: `${plain.scored / 1e6} million rows, ${scoredClasses.length} classes, K = ${plain.k}, from all rows`,
        wanted: "at most 60 s",
        measured: `${plain.seconds.toFixed(1)} s`,
        met: plain.seconds <= 60,
      },
      {
        what: "from counts and pruned rows, times as fast",
        wanted: "at least 3",
        measured: gain.toFixed(1),
        met: gain >= 3,
      },
      {
        what: "its rows, of those that there are",
        wanted: "at most 5 %",
        measured: `${(100 * share).toFixed(1)} %`,
        met: share <= 0.05,
      },
      {
        what: "peak memory of all",
        wanted: "at most 1000 MB",
        measured: `${((Math.max(...runs.map(({ peak }) => peak)) * 1024) / 1e6).toFixed(0)} MB`,
        met: runs.every(({ peak }) => peak * 1024 <= 1e9),
      },
      wrongRowsTarget(runs),
    ],
    notes,
    data: runs,
  };
}
