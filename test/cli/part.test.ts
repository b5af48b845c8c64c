import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { beforeAll, describe, expect, it } from "vitest";
import { partFile, partFolder, partOf } from "../../src/cli/options/part.ts";
import { exportSafetensors, openImages } from "../../src/node/library.ts";
import { collect } from "../data/collect.ts";
import { tarBytes } from "../data/tar-fixture.ts";
import { writeShard } from "../semi/pipeline-data.ts";
import { writeColouredImages } from "../support/coloured-images.ts";
import { jsonLines, runCli } from "../support/run-cli.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...names: readonly string[]): string => join(folder, ...names);
const weights = at("small.safetensors");
const shards = ["0.tar", "1.tar", "2.tar", "3.tar", "4.tar"].map((name) => at(name));

/** What Slurm tells a task of an array. */
const slurm = (id: number, min: number, max: number, count: number, step = 1): Record<string, string> => ({
  SLURM_ARRAY_TASK_ID: `${id}`,
  SLURM_ARRAY_TASK_MIN: `${min}`,
  SLURM_ARRAY_TASK_MAX: `${max}`,
  SLURM_ARRAY_TASK_COUNT: `${count}`,
  SLURM_ARRAY_TASK_STEP: `${step}`,
});

beforeAll(async () => {
  await exportSafetensors(smallNetwork({ inputSize: 16, stem: "cifar", numClasses: 3 }), weights);
  for (const [i, path] of shards.entries()) await writeShard(path, 4, i);
  await writeColouredImages(at("photos"), 5);
  copyFileSync(at("photos", "red", "0.png"), at("alone.png"));
  for (const name of ["a", "b", "c"]) {
    mkdirSync(at("few", name), { recursive: true });
    copyFileSync(at("alone.png"), at("few", name, `${name}.png`));
  }
  writeFileSync(at("names.txt"), "blue\ngreen\nred\n");
});

/** Rows of tables of embeddings, in the order of their images. */
async function rowsOf(tables: string): Promise<readonly unknown[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(`SELECT * FROM read_parquet('${tables}') ORDER BY image`);
  return reader.getRowsJson();
}

const idsIn = async (inputs: readonly string[], index: number, count: number): Promise<readonly string[]> =>
  (await collect(await openImages(inputs, { part: { index, count } }))).map(({ id }) => id);

describe("a part of images", () => {
  it("is every n-th archive, of which others are not looked into, and every n-th image of folders", async () => {
    const folders = ["red", "green", "blue"].map((name) => at("photos", name));
    const inputs = [...shards.slice(0, 2), at("photos"), ...folders, ...shards.slice(2), at("alone.png")];
    const whole = (await collect(await openImages(inputs))).map(({ id }) => id);
    for (const count of [1, 2, 3, 7, 20]) {
      const parts: string[] = [];
      for (let index = 1; index <= count; index++) {
        const ids = await idsIn(inputs, index, count);
        const { size } = await openImages(inputs, { part: { index, count } });
        expect(size).toBe(ids.length);
        parts.push(...ids);
      }
      expect(parts.sort()).toEqual(whole.toSorted());
    }
    // One image each for three processes.
    const few = ["a", "b", "c"].map((name) => at("few", name));
    const dealt = [1, 2, 3].map(async (index) => (await idsIn(few, index, 3)).length);
    expect(await Promise.all(dealt)).toEqual([1, 1, 1]);
    renameSync(shards[1]!, at("away"));
    expect(await idsIn([at("{0,2,4}.tar")], 2, 3)).toHaveLength(12);
    renameSync(at("away"), shards[1]!);
  });

  it("may be empty where there are images, and is refused where there are none", async () => {
    expect(await idsIn(shards.slice(0, 2), 3, 4)).toEqual([]);
    await expect(idsIn([at("nothing")], 1, 2)).rejects.toThrow("nothing");
    await expect(idsIn([at("typo.png")], 2, 2)).rejects.toThrow("typo.png");
    writeFileSync(at("without.tar"), await tarBytes([{ name: "notes.txt", body: Buffer.from("none") }]));
    await expect(idsIn([at("without.tar")], 1, 2)).rejects.toThrow(/no images in .*without\.tar/);
    // A missing image is one that fails, in whichever part it is.
    const withTypo = [at("alone.png"), at("typo.png")];
    expect(await idsIn(withTypo, 2, 2)).toEqual([at("typo.png")]);
    await expect(idsIn(["-"], 1, 2)).rejects.toThrow("standard input");
    const labelled = openImages(shards, { labelsFile: at("labels.csv"), part: { index: 1, count: 2 } });
    await expect(labelled).rejects.toMatchObject({ code: "usage/part" });
  });
});

describe("--part", { timeout: 120_000 }, () => {
  const line = (command: string, ...more: readonly string[]): readonly string[] => [
    command,
    ...shards,
    "-w",
    weights,
    "--workers",
    "1",
    ...more,
  ];

  it.each(["embed", "classify"])("of %s writes files that together hold what one does", async (command) => {
    const out = (name: string): string => at(`${command}-${name}.jsonl`);
    expect(await runCli(line(command, "-o", out("whole")))).toMatchObject({ code: 0 });
    const written: string[] = [];
    for (let index = 0; index < 6; index++) {
      const env = { JOB_COMPLETION_INDEX: `${index}` };
      const { code, stderr } = await runCli(line(command, "--part", "6", "-o", out("part")), undefined, env);
      const path = at(`${command}-part-0000${index}-of-00006.jsonl`);
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(path) as string });
      written.push(readFileSync(path, "utf8"));
    }
    // The sixth of five archives is empty, and stands.
    expect(written.at(-1)).toBe("");
    expect(existsSync(out("part"))).toBe(false);
    expect(written.join("")).toBe(readFileSync(out("whole"), "utf8"));
  });

  it("of embed writes tables that one reader takes together, empty ones too", async () => {
    expect(await runCli(line("embed", "-o", at("table.parquet")))).toMatchObject({ code: 0 });
    for (const part of ["1/6", "2/6", "3/6", "4/6", "5/6", "6/6"]) {
      const run = await runCli(line("embed", "--part", part, "-o", at("table.parquet")));
      expect(run).toMatchObject({ code: 0 });
    }
    const whole = await rowsOf(at("table.parquet"));
    expect(whole).toHaveLength(60);
    expect(await rowsOf(at("table-*-of-00006.parquet"))).toEqual(whole);
  });

  it("of classify leaves the pictures of all parts out of the images", async () => {
    const images = at("explained");
    await writeColouredImages(images, 2);
    const ids: string[] = [];
    for (const part of ["1/2", "2/2", "1/2"]) {
      const words = ["classify", images, "-w", weights, "--explain", join(images, "heat"), "--part", part];
      const { code, stdout } = await runCli([...words, "--json"]);
      expect(code).toBe(0);
      ids.push(...jsonLines<{ image: string }>(stdout).map(({ image }) => image));
    }
    expect(new Set(ids).size).toBe(6);
    expect(ids).toHaveLength(9);
    expect(readdirSync(join(images, "heat"))).toEqual(["00000-of-00002", "00001-of-00002"]);
  });

  it("of validate counts a part, which together are the whole", async () => {
    const figures = async (...more: readonly string[]): Promise<{ count: number; top1: number }> => {
      const { stdout } = await runCli([
        "validate",
        at("photos"),
        "-w",
        weights,
        "--labels",
        labels,
        "--json",
        ...more,
      ]);
      return jsonLines<{ count: number; top1: number }>(stdout)[0]!;
    };
    const labels = at("names.txt");
    const [whole, first, second] = [
      await figures(),
      await figures("--part", "1/2"),
      await figures("--part", "2/2"),
    ];
    expect(first.count + second.count).toBe(whole.count);
    const mean = (first.count * first.top1 + second.count * second.top1) / whole.count;
    expect(mean).toBeCloseTo(whole.top1, 3);
    for (const name of ["train", "val"]) await writeColouredImages(at("parted", name), 1);
    const parted = await runCli(["validate", at("parted"), "-w", weights, "--part", "1/2"]);
    expect([parted.code, parted.stderr]).toEqual([2, expect.stringContaining("such as imagenet/val")]);
    for (const file of ["--results", "--confusion", "--fit-temperature"]) {
      const { code, stderr } = await runCli(["validate", at("photos"), "--part", "1/2", file, at("x.csv")]);
      expect([code, stderr]).toEqual([2, expect.stringContaining("[usage/part]")]);
    }
  });

  it("is refused where it is none, before images are looked for", async () => {
    for (const part of ["0/3", "4/3", "x", "3"]) {
      const { code, stderr } = await runCli(["embed", at("nothing"), "--part", part]);
      expect([code, stderr]).toEqual([2, expect.stringContaining("[usage/part]")]);
    }
  });
});

describe("a part", () => {
  it.each([
    ["a.parquet", "a-00002-of-00008.parquet"],
    ["s3://bucket/of.all/a", "s3://bucket/of.all/a-00002-of-00008"],
    ["folder/a.b.npy", "folder/a.b-00002-of-00008.npy"],
    ["../.hidden/a..csv", "../.hidden/a.-00002-of-00008.csv"],
  ])("of %s is written as %s", (path, name) => {
    expect(partFile(path, { index: 3, count: 8 })).toBe(name);
    expect(partFile(path, undefined)).toBe(path);
  });

  it("of a folder is one below it", () => {
    expect(partFolder("2024.11", { index: 3, count: 8 })).toBe(join("2024.11", "00002-of-00008"));
    expect(partFolder("2024.11", undefined)).toBe("2024.11");
  });

  it.each([
    ["3/8", {}, 3, 8],
    ["8", { JOB_COMPLETION_INDEX: "0" }, 1, 8],
    [true, { AWS_BATCH_JOB_ARRAY_INDEX: "4", AWS_BATCH_JOB_ARRAY_SIZE: "6" }, 5, 6],
    [true, { SLURM_ARRAY_TASK_ID: "1", SLURM_ARRAY_TASK_MIN: "1", SLURM_ARRAY_TASK_COUNT: "4" }, 1, 4],
    ["8", slurm(6, 0, 14, 8, 2), 4, 8],
    ["20", slurm(20, 1, 20, 20), 20, 20],
    ["2/4", { JOB_COMPLETION_INDEX: "0" }, 2, 4],
  ] as const)("%s with %o is the right one", (given, env, index, count) => {
    expect(partOf(given, env)).toEqual({ index, count });
  });

  it.each([
    ["single tasks of a whole", "20", slurm(13, 7, 13, 2), /Slurm array without gaps.*--part 7\/20/],
    ["one task again", "20", slurm(7, 7, 7, 1), /as many tasks as parts, the scheduler's array has 1/],
    ["a list", true, slurm(3, 1, 8, 4), /task 3 of 4 from 1 to 8/],
    ["a task between two", "2", slurm(5, 0, 14, 2, 10), /Slurm array/],
    ["fewer parts than tasks", "8", slurm(3, 1, 20, 20), /array has 20/],
    ["a number that nobody says", "2", {}, /such as --part 1\/2: no scheduler says it here/],
    [
      "a variable that is no number",
      "2",
      { JOB_COMPLETION_INDEX: "x" },
      /whole number in the variable JOB_COMPLETION_INDEX, received "x".*--part 1\/2/,
    ],
    [
      "a size that is no number",
      true,
      { AWS_BATCH_JOB_ARRAY_INDEX: "1", AWS_BATCH_JOB_ARRAY_SIZE: "-3" },
      /variable AWS_BATCH_JOB_ARRAY_SIZE, received "-3"/,
    ],
    ["no parts at all", "0", { JOB_COMPLETION_INDEX: "0" }, /expected 3\/8 or 8, received "0"/],
    ["another array", "8", { AWS_BATCH_JOB_ARRAY_INDEX: "4", AWS_BATCH_JOB_ARRAY_SIZE: "6" }, /array has 6/],
  ])("refuses %s", (_, given, env, message) => {
    expect(() => partOf(given as string | true, env)).toThrow(message);
  });
});
