import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { DataError } from "../../src/core/index.ts";
import type { ComparedModels, SemiEvent } from "../../src/semi/index.ts";
import { nodeSemiPlatform, runSemi } from "../../src/node/semi.ts";
import { runSemi as runSemiOn, type RunSemiOptions } from "../../src/semi/index.ts";
import type { SemiPlatform } from "../../src/semi/platform.ts";
import { isBrokenImage } from "../../src/semi/score/score-images.ts";
import { readScoreFacts } from "../../src/node/semi.ts";
import { parseSettings, resolveSettings, type SemiSettings } from "../../src/semi/index.ts";
import { tarBytes } from "../data/tar-fixture.ts";
import { seededRandom } from "../../src/core/index.ts";
import { colouredPng, writeColouredImages } from "../support/coloured-images.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { eventsOf, shortRecipe, stagesDone, writePipelineData, writeShard } from "./pipeline-data.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const trainings = ["teacher", "pretrain", "finetune", "supervised"];
let settings: Partial<SemiSettings>;

/** Runs with changed settings. */
const run = (
  out: string,
  changes: Partial<SemiSettings> = {},
  options: Partial<RunSemiOptions> = {},
): Promise<readonly SemiEvent[]> =>
  eventsOf(
    runSemi({
      settings: { ...settings, ...changes },
      out: at(out),
      threads: 1,
      workers: 1,
      ...options,
    }),
  );

/** A copy of the complete run, to change. */
function copyOf(name: string): string {
  cpSync(at("run"), at(name), { recursive: true, preserveTimestamps: true });
  return name;
}

/** Images that the teacher looked at: those of the score files that were written anew. */
const scoredAnew = (before: string, after: string): readonly string[] =>
  scoreFiles(after).filter((name) => {
    const bytes = readFileSync(at(after, "scores", name));
    return !scoreFiles(before).some((other) => readFileSync(at(before, "scores", other)).equals(bytes));
  });

const scoreFiles = (out: string): readonly string[] =>
  readdirSync(at(out, "scores")).filter((name) => /^\d/.test(name));

let first: readonly SemiEvent[];

beforeAll(async () => {
  settings = await writePipelineData(at("data"));
  first = await run("run");
});

describe("a run", () => {
  it("holds the student against the better of teacher and baseline, as its page does", () => {
    const read = (...parts: readonly string[]): unknown => JSON.parse(readFileSync(at(...parts), "utf8"));
    const { models } = read("run", "results", "results.json") as {
      models: readonly { stage: string; top1: number }[];
    };
    const of = (name: string): number => models.find(({ stage }) => stage === name)!.top1;
    const { test, alone } = read("run", "best", "verdict.json") as ComparedModels;
    expect(test).toMatchObject({
      with: of("finetune"),
      without: Math.max(of("supervised"), of("teacher")),
    });
    expect(alone).toBe(of("teacher") > of("supervised") ? "teacher" : undefined);
  });

  it("does every stage", () => {
    expect(stagesDone(first)).toEqual({
      teacher: [],
      scores: [],
      selection: [],
      pretrain: [],
      finetune: [],
      supervised: [],
      results: [],
      best: [],
    });
    const counts = Object.fromEntries(
      first.flatMap((event) =>
        event.type === "stage-finished" ? [[event.stage, event.manifest.counts]] : [],
      ),
    );
    expect(counts["scores"]).toEqual({ shards: 2, images: 30, broken: 0 });
    expect(counts["selection"]).toMatchObject({ rows: 12, classes: 3, duplicates: 0 });
    expect(counts["pretrain"]).toEqual({ images: 12, imagesProcessed: 16 });
    expect(counts["supervised"]).toEqual({ images: 24, imagesProcessed: 32 });
    expect(Object.keys(counts["results"]!)).toEqual([
      "measured images",
      "top-1 of teacher",
      "top-1 of pretrain",
      "top-1 of finetune",
      "top-1 of supervised",
    ]);
  });

  it("leaves its settings, which can be given again", () => {
    const text = readFileSync(at("run", "semi.yaml"), "utf8");
    const layer = parseSettings(text, "semi.yaml");
    expect(resolveSettings([layer])).toEqual(
      resolveSettings([{ name: "the settings", values: { ...settings } }]),
    );
  });

  it("has nothing left to do when it is begun again", async () => {
    const events = await run("run");
    expect(stagesDone(events)).toEqual({});
    const statuses = events.flatMap((event) => (event.type === "planned" ? event.stages : []));
    expect(statuses.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => "done"));
  });
});

describe("what has changed is done again, and nothing else:", () => {
  it("K, on which the length of the baseline depends where trainings are in epochs", async () => {
    expect(stagesDone(await run(copyOf("k"), { k: 6 }))).toEqual({
      selection: ["k 4 -> 6"],
      pretrain: ["the selection has changed"],
      finetune: ["pretrain has changed"],
      supervised: ["recipe.images 32 -> 48"],
      results: [
        "selection/selection.parquet has changed",
        "pretrain/best.safetensors has changed",
        "finetune/best.safetensors has changed",
        "supervised/best.safetensors has changed",
      ],
      best: [
        "finetune/best.safetensors has changed",
        "supervised/best.safetensors has changed",
        "results/results.json has changed",
      ],
    });
  });

  it("the teacher's recipe, and all that follows from other weights", async () => {
    const done = stagesDone(
      await run(copyOf("teach"), { teachRecipe: { ...shortRecipe, learningRate: 0.2 } }),
    );
    expect(done).toMatchObject({
      teacher: ["recipe.learningRate 0.1 -> 0.2"],
      scores: ["teacher has changed"],
      selection: ["scores has changed"],
      pretrain: ["the selection has changed"],
    });
    expect(scoredAnew("run", "teach")).toHaveLength(2);
  });

  it("the teacher's recipe alone where the weights stay the same", async () => {
    // Too large a norm to clip anything.
    const done = stagesDone(await run(copyOf("same"), { teachRecipe: { ...shortRecipe, clipNorm: 1e6 } }));
    expect(Object.keys(done)).toEqual(["teacher"]);
  });

  it("whether images are turned upright, on which the scores of every shard depend", async () => {
    const only = { only: ["teach", "score"] } as const;
    const done = stagesDone(await run(copyOf("exif"), { exif: false }, only));
    expect(done).toEqual({
      teacher: ["exif true -> false"],
      scores: ["exif true -> false", "teacher has changed"],
    });
    // As in manifests of earlier versions, which goes on as it began unless it is told otherwise.
    const manifest = readFileSync(at("exif", "teacher", "manifest.json"), "utf8");
    expect(manifest.match(/"exif"/g)).toHaveLength(1);
    expect(stagesDone(await run("exif", {}, only))).toEqual({});
    expect(scoredAnew("run", "exif")).toHaveLength(2);
  });

  it("test images, which are hashed anew; nothing is scored", async () => {
    await writeColouredImages(at("other-test"), 2, 9);
    const done = stagesDone(await run(copyOf("test"), { test: [at("other-test")] }));
    expect(done).toMatchObject({ scores: ["test images has changed"], selection: ["scores has changed"] });
    expect(Object.keys(done)).toEqual(["scores", "selection", "results", "best"]);
    expect(scoredAnew("run", "test")).toEqual([]);
  });

  it("shards: a new one is scored, those after it keep their scores, and one that is gone loses them", async () => {
    const a = at("data", "unlabelled", "a.tar");
    const b = at("data", "unlabelled", "b.tar");
    const only = { only: ["score"] } as const;
    const out = copyOf("shards");
    await writeShard(at("first.tar"), 5, 7);
    const more = await run(out, { unlabelled: [at("first.tar"), a, b] }, only);
    expect(stagesDone(more)["scores"]).toContain("000002-b.tar.parquet is new");
    expect(scoreFiles(out)).toEqual([
      "000000-first.tar.parquet",
      "000001-a.tar.parquet",
      "000002-b.tar.parquet",
    ]);
    expect(scoredAnew("run", out)).toEqual(["000000-first.tar.parquet"]);
    await run(out, { unlabelled: [b] }, only);
    expect(scoreFiles(out)).toEqual(["000000-b.tar.parquet"]);
    expect(scoredAnew("run", out)).toEqual([]);
  });

  it("shards that were scored elsewhere need not be scored again", async () => {
    const only = { only: ["score"] } as const;
    const [one, two, all] = ["one", "two", "all"].map((name) => {
      rmSync(at(copyOf(name), "scores"), { recursive: true });
      return name;
    }) as [string, string, string];
    await run(one, { unlabelled: [at("data", "unlabelled", "a.tar")] }, only);
    await run(two, { unlabelled: [at("data", "unlabelled", "b.tar")] }, only);
    for (const out of [one, two]) {
      for (const name of scoreFiles(out)) cpSync(at(out, "scores", name), at(all, "scores", name));
    }
    const files = (): readonly number[] =>
      scoreFiles(all).map((name) => statSync(at(all, "scores", name)).ino);
    expect(scoreFiles(all)).toEqual(["000000-a.tar.parquet", "000000-b.tar.parquet"]);
    const copied = files();
    await run(all, {}, only);
    expect(scoreFiles(all)).toEqual(["000000-a.tar.parquet", "000001-b.tar.parquet"]);
    expect(files()).toEqual(copied);
  });

  it("files that are gone or were changed", async () => {
    const out = copyOf("damaged");
    rmSync(at(out, "scores", "000001-b.tar.parquet"));
    cpSync(at(out, "pretrain", "best.safetensors"), at(out, "finetune", "best.safetensors"));
    const done = stagesDone(await run(out));
    expect(done).toEqual({
      scores: ["000001-b.tar.parquet is gone"],
      finetune: ["best.safetensors was changed"],
    });
    expect(scoredAnew("run", out)).toEqual([]);
  });
});

describe("single stages", () => {
  it("need those before them complete", async () => {
    await expect(run("alone", {}, { only: ["score"] })).rejects.toMatchObject({
      code: "semi/missing-stage",
      message: expect.stringContaining(`${at("alone", "teacher")}: this stage is not complete`) as string,
    });
    const kept = readFileSync(at("run", "semi.yaml"), "utf8");
    await expect(run("run", { k: 2 }, { only: ["pretrain"] })).rejects.toMatchObject({
      code: "semi/missing-stage",
      message: expect.stringContaining("selection: this stage is out of date (k 4 -> 2)") as string,
    });
    expect(readFileSync(at("run", "semi.yaml"), "utf8")).toBe(kept);
  });

  it("score and measure on as many cores as are asked for", async () => {
    let asked: unknown[] = [];
    const platform: SemiPlatform = {
      ...nodeSemiPlatform,
      startThread(script, ...more) {
        const thread = nodeSemiPlatform.startThread(script, ...more);
        return {
          ...thread,
          call(name, request, ...how) {
            if (name === "open") asked.push((request as { readonly threads: number }).threads);
            return thread.call(name, request, ...how);
          },
        };
      },
    };
    const threadsOf = async (threads?: number): Promise<ReadonlySet<unknown>> => {
      const out = at(copyOf(`cores-${threads}`));
      for (const name of ["scores", "results"]) rmSync(join(out, name), { recursive: true });
      asked = [];
      await eventsOf(runSemiOn(platform, { settings, only: ["score", "measure"], out, threads }));
      return new Set(asked);
    };
    expect(await threadsOf(1)).toEqual(new Set([1]));
    // Few images are looked at by one session on all cores.
    expect(await threadsOf()).toContain(Math.floor(nodeSemiPlatform.machine().cores));
  });

  it("are done alone", async () => {
    const out = copyOf("single");
    for (const stage of ["selection", "results"]) rmSync(at(out, stage), { recursive: true });
    expect(stagesDone(await run(out, {}, { only: ["select"] }))).toEqual({ selection: [] });
    expect(stagesDone(await run(out, {}, { only: ["pretrain"] }))).toEqual({});
    expect(stagesDone(await run(out, {}, { only: ["measure"] }))).toEqual({ results: [] });
  });
});

describe("an abort", () => {
  it("in any stage stops cleanly; the next run goes on, and all comes out the same", async () => {
    const stages = [
      "teacher",
      "scores",
      "selection",
      "pretrain",
      "finetune",
      "supervised",
      "results",
      "best",
    ];
    for (const stage of stages) {
      const stop = new AbortController();
      const events = runSemi({
        settings,
        out: at("stopped"),
        threads: 1,
        workers: 1,
        signal: stop.signal,
      });
      let last: SemiEvent | undefined;
      for await (const event of events) {
        last = event;
        const isStep = event.type === "training" && event.event.type === "step";
        const isOther = event.type === "stage-started" && !trainings.includes(stage);
        if ((isStep || isOther) && event.stage === stage) stop.abort(new Error("Ctrl-C"));
      }
      expect(last).toEqual({ type: "stopped", stage });
    }
    const events = await run("stopped");
    expect(stagesDone(events)).toEqual({ best: [] });
    const files = ["selection/selection.parquet", ...trainings.map((stage) => `${stage}/best.safetensors`)];
    for (const file of files) {
      expect({ file, bytes: readFileSync(at("stopped", file)) }).toEqual({
        file,
        bytes: readFileSync(at("run", file)),
      });
    }
  });
});

describe("several processes", () => {
  it("on one folder follow each other, and the second says that it waits", async () => {
    const only = { only: ["teach"] } as const;
    const [one, two] = await Promise.all([run("shared", {}, only), run("shared", {}, only)]);
    const [waited, worked] = one[0]!.type === "waiting" ? [one, two] : [two, one];
    expect(waited[0]).toEqual({ type: "waiting", folder: at("shared") });
    expect(stagesDone(worked)).toEqual({ teacher: [] });
    expect(stagesDone(waited)).toEqual({});
  });

  it("a second that stops waiting leaves the lock to the first", async () => {
    const events = runSemi({ settings, out: at("waiting"), threads: 1, workers: 1 });
    await events.next();
    const second = runSemi({ settings, out: at("waiting") });
    expect(await second.next()).toMatchObject({ value: { type: "waiting" } });
    await second.return();
    expect(readdirSync(at("waiting"))).toContain(".semi.lock");
    await events.return();
    expect(readdirSync(at("waiting"))).not.toContain(".semi.lock");
  });
});

it("names images that cannot be used, and scores the others", async () => {
  const png = readFileSync(at("data", "labelled", "red", "0.png"));
  const members = [
    { name: "cut.png", body: png.subarray(0, 100) },
    { name: "whole.png", body: png },
  ];
  writeFileSync(at("cut.tar"), await tarBytes(members));
  const events = await run(copyOf("cut"), { unlabelled: [at("cut.tar")] }, { only: ["score"] });
  const message = expect.stringMatching(/^1 image cannot be used: .*cut\.png \(.+\)$/) as string;
  expect(events).toContainEqual({ type: "warning", stage: "scores", message });
  expect(await readScoreFacts(at("cut", "scores", "000000-cut.tar.parquet"))).toMatchObject({
    images: 1,
    broken: [{ id: at("cut.tar", "cut.png") }],
  });
});

it("names the classes that nothing was selected for, in a warning, the summary and the page", async () => {
  // No image of the new shard is red.
  const random = seededRandom(11);
  const members = await Promise.all(
    Array.from({ length: 12 }, async (_, i) => ({
      name: `${i}.png`,
      body: await colouredPng(i % 2, random),
    })),
  );
  writeFileSync(at("no-red.tar"), await tarBytes(members));
  const teach = { base: "quick", images: 400, batchSize: 8, learningRate: 0.5 } as const;
  const changes = { unlabelled: [at("no-red.tar")], duplicateDistance: null, teachRecipe: teach };
  const ranking = { ranking: "threshold", threshold: 0.34, k: null } as const;
  await run("no-red", { ...changes, ...ranking }, { only: ["teach"] });
  await run("no-red", { ...changes, ...ranking }, { only: ["score"] });
  const events = await run("no-red", { ...changes, ...ranking }, { only: ["select"] });
  expect(events).toContainEqual({
    type: "warning",
    stage: "selection",
    message: "1 class got no image, and nothing is learnt of it from the unlabelled ones: red.",
  });
  const summary = JSON.parse(readFileSync(at("no-red", "selection", "summary.json"), "utf8")) as object;
  expect(summary).toMatchObject({ ranking: "threshold", short: [], empty: ["red"] });
  expect(readFileSync(at("no-red", "report.html"), "utf8")).toMatch(
    /No image was selected for one class, .*: <bdi>red<\/bdi>/,
  );
});

it("tells images that cannot be used from what keeps them from being read", () => {
  const codes = ["image/truncated", "runtime/worker-crashed", "data/unreadable", "runtime/out-of-memory"];
  const broken = codes.map((code) => isBrokenImage(new DataError(code, "")));
  expect(broken).toEqual([true, true, false, false]);
});

it("keeps the facts of a shard with its scores", async () => {
  const facts = await readScoreFacts(at("run", "scores", "000001-b.tar.parquet"));
  expect(facts).toMatchObject({ classes: ["blue", "green", "red"], p: 3, images: 15, broken: [] });
  expect(facts.shard).toMatchObject({ path: at("data", "unlabelled", "b.tar"), from: 0, to: 15 });
});
