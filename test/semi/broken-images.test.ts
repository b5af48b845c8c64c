import { mkdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { runSemi } from "../../src/node/semi.ts";
import type { SemiEvent, SemiSettings } from "../../src/semi/index.ts";
import { readManifest } from "../../src/semi/stages/manifest.ts";
import { nodeStorageFor } from "../../src/node/files/file-storage.ts";
import { colours, writeColouredImages } from "../support/coloured-images.ts";
import { jsonLines, runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { eventsOf, shortRecipe, writePipelineData } from "./pipeline-data.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
let settings: Partial<SemiSettings>;

const run = (out: string, changes: Partial<SemiSettings>): Promise<readonly SemiEvent[]> =>
  eventsOf(runSemi({ settings: { ...settings, ...changes }, out: at(out), threads: 1, workers: 1 }));

const countsOf = async (out: string, stage: string): Promise<object> =>
  (await readManifest(nodeStorageFor(at(out)), at(out, stage)))!.counts;

/** What a run warns of each stage. */
const warnings = (events: readonly SemiEvent[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    events.flatMap((event) => (event.type === "warning" ? [[event.stage, event.message]] : [])),
  );

/** Cuts images off, as a copy does that was broken off. */
const cut = (...files: readonly string[]): void => files.forEach((file) => truncateSync(file, 100));

beforeAll(async () => {
  const { labelled, teacher } = await writePipelineData(at("data"));
  await writeColouredImages(at("others"), 4, 9);
  cut(at("data", "labelled", "red", "3.png"), at("data", "labelled", "blue", "7.png"));
  cut(at("others", "green", "2.png"));
  settings = { labelled, teacher, unlabelled: [at("others")] } as Partial<SemiSettings>;
});

const two = /^2 images cannot be used: .*\/blue\/7\.png \(.+\), .*\/red\/3\.png \(.+\)$/;
const three = /^3 images cannot be used: .*\.png \(.+\), .*\.png \(.+\), .*\.png \(.+\)$/;

describe("images that cannot be read are named by each stage, and are not counted", () => {
  it("where classifiers are fitted", async () => {
    const events = await run("head", { method: "labels", mode: "head" });
    expect(warnings(events)).toEqual({
      labels: expect.stringMatching(three) as string,
      "labels-alone": expect.stringMatching(two) as string,
    });
    expect(await countsOf("head", "labels")).toMatchObject({ images: 28, imagesProcessed: 28 });
    expect(await countsOf("head", "labels-alone")).toMatchObject({ images: 28 });
  });

  it("where networks are trained", async () => {
    const recipe = { base: "quick", epochs: 2, batchSize: 14, batchNorm: "frozen" } as const;
    const events = await run("full", {
      method: "adapt",
      mode: "full",
      adaptEpochs: 1,
      adaptRecipe: { base: "adapt", batchSize: 7 },
      tuneRecipe: recipe,
    });
    const found = warnings(events);
    expect(found).toMatchObject({
      adapted: expect.stringMatching(three) as string,
      tuned: expect.stringContaining("red/3.png") as string,
    });
    expect(await countsOf("full", "adapted")).toMatchObject({ images: 39 });
    expect(await countsOf("full", "tuned")).toMatchObject({ images: 28 });
  });

  it("on the command line, as a warning and as an event", async () => {
    const line = ["semi", "run", "--labelled", at("data", "labelled"), "--unlabelled", at("others")];
    const options = ["-m", settings.teacher!, "--method", "labels", "--mode", "head"];
    const { code, stdout, stderr } = await runCli([...line, ...options, "-o", at("line")]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: labels: 3 images cannot be used: .*red\/3\.png/m);
    expect(stderr.match(/cannot be used/g)).toHaveLength(2);
    expect(stdout).toMatch(/^ {2}images 28, imagesProcessed 28/m);
    const events = jsonLines<SemiEvent>(
      (await runCli([...line, ...options, "-o", at("json"), "--json"])).stdout,
    );
    expect(Object.keys(warnings(events))).toEqual(["labels", "labels-alone"]);
  });
});

describe("a class of which no image can be read is refused before anything is trained", () => {
  beforeAll(async () => {
    await writeColouredImages(at("green-cut"), 3, 1);
    cut(...["0", "1", "2"].map((name) => at("green-cut", "green", `${name}.png`)));
    mkdirSync(at("runs"));
  });

  it.each([
    ["paper", { k: 2, teachRecipe: shortRecipe, pretrainRecipe: shortRecipe, finetuneRecipe: shortRecipe }],
    ["labels", { mode: "head" }],
  ] as const)("by method %s", async (method, changes) => {
    const refused = run(join("runs", method), { labelled: [at("green-cut")], method, ...changes });
    await expect(refused).rejects.toMatchObject({
      code: "data/empty-classes",
      message:
        "expected images of each of the 3 classes, 1 have none that can be read: green. Add images of them, or take these classes out.",
    });
    expect(() => readFileSync(at("runs", method, "semi.yaml"))).toThrow("ENOENT");
  });

  it("with one that can be read it is not", async () => {
    await writeColouredImages(at("green-cut"), 3, 1);
    cut(...colours.map((name) => at("green-cut", name, "0.png")));
    const events = await run("one-left", { labelled: [at("green-cut")], method: "labels", mode: "head" });
    expect(events.at(-1)?.type).toBe("best");
  });
});
