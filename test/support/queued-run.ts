import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { colours } from "./coloured-images.ts";
import { writePipelineData, writeShard } from "../semi/pipeline-data.ts";
import { runCli, startCli, type CliRun } from "./run-cli.ts";
import { sha256 } from "./sha256.ts";

/** A run whose shards are scored, by one process or by many. */
export interface ScoredRun {
  /** The command line that scores into a folder below that of the run. */
  line(out: string, ...more: readonly string[]): readonly string[];
  /** SHA-256 of the score files in such a folder, by name. */
  scores(out: string): Readonly<Record<string, string>>;
}

/** Writes archives of coloured images, and a teacher for them. @param images In each archive. */
export async function writeScoredRun(folder: string, shards: number, images: number): Promise<ScoredRun> {
  const at = (...names: readonly string[]): string => join(folder, ...names);
  await writePipelineData(folder);
  const few = Math.min(shards, 6);
  for (let i = 0; i < few; i++)
    await writeShard(at("unlabelled", `${i}.tar`), images / colours.length, i + 10);
  for (let i = few; i < shards; i++)
    copyFileSync(at("unlabelled", `${i % few}.tar`), at("unlabelled", `${i}.tar`));
  writeFileSync(at("names.txt"), "red\ngreen\nblue\nyellow\npink\n");
  return {
    line: (out, ...more) =>
      [
        `semi score --labelled ${at("labelled")} --unlabelled ${at("unlabelled", "[0-9]*.tar")} -o ${at(out)}`,
        `--teacher ${at("small.safetensors")} --teach false --labels ${at("names.txt")}`,
      ]
        .flatMap((words) => words.split(" "))
        .concat(more),
    scores: (out) =>
      Object.fromEntries(
        readdirSync(at(out, "scores"))
          .filter((name) => /^\d+-.*\.parquet$/.test(name))
          .map((name) => [name, sha256(readFileSync(at(out, "scores", name)))]),
      ),
  };
}

/** Starts a process that takes shards. */
export const startWorker = (address: string, ...more: readonly string[]): ReturnType<typeof startCli> =>
  startCli(["worker", address, "--workers", "1", "--threads", "1", "--json", ...more], { NO_COLOR: "1" });

/** Fills a queue, and waits for its end. */
export const fillQueue = (
  run: ScoredRun,
  address: string,
  name: string,
  out: string,
  ...more: readonly string[]
): Promise<CliRun> => runCli(run.line(out, "--queue", address, "--name", name, "--json", ...more));
