import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { runSemi } from "../../src/node/semi.ts";
import { nodePlatform } from "../../src/node/platform.ts";
import { openModel } from "../../src/node/library.ts";
import { readSelection, type SelectionRow, type SemiEvent, type SemiSettings } from "../../src/semi/index.ts";
import { defaultK } from "../../src/semi/select/selection.ts";
import { verdictOf, type ComparedModels } from "../../src/semi/report/verdict.ts";
import { collect } from "../data/collect.ts";
import { tarBytes } from "../data/tar-fixture.ts";
import { solidPng } from "../support/solid-images.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { eventsOf, stagesDone, writePipelineData } from "./pipeline-data.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
let settings: Partial<SemiSettings>;

const run = (out: string, changes: Partial<SemiSettings> = {}): Promise<readonly SemiEvent[]> =>
  eventsOf(runSemi({ settings: { ...settings, ...changes }, out: at(out), threads: 1, workers: 1 }));

const text = (...parts: readonly string[]): string => readFileSync(at(...parts), "utf8");
const bytes = (...parts: readonly string[]): Buffer => readFileSync(at(...parts));
const rowsOf = (out: string): Promise<readonly SelectionRow[]> => {
  const path = at(out, "selection", "selection.parquet");
  return collect(readSelection(nodePlatform.storageFor(path), path));
};
const countsOf = (events: readonly SemiEvent[]): Readonly<Record<string, Readonly<Record<string, number>>>> =>
  Object.fromEntries(
    events.flatMap((event) =>
      event.type === "stage-finished" ? [[event.stage, event.manifest.counts]] : [],
    ),
  );

let joint: readonly SemiEvent[];

beforeAll(async () => {
  const { labelled, unlabelled, test, teacher } = await writePipelineData(at("data"));
  // A class that is called what the last class of the ranking is.
  for (const set of ["labelled", "test"])
    renameSync(at("data", set, "red"), at("data", set, "None of these"));
  const greys = Array.from({ length: 30 }, async (_, i) => {
    const grey = 8 * i;
    return { name: `grey-${i}.png`, body: Buffer.from(await solidPng([grey, grey, grey], 20)) };
  });
  writeFileSync(at("data", "unlabelled", "c.tar"), await tarBytes(await Promise.all(greys)));
  settings = {
    labelled,
    unlabelled,
    test,
    teacher,
    method: "joint",
    k: 4,
    duplicateDistance: null,
    noneImages: 20,
    tuneRecipe: {
      base: "quick",
      images: 16,
      batchSize: 8,
      batchNorm: "frozen",
      learningRate: 0.01,
      saveMinutes: 0,
    },
  } as Partial<SemiSettings>;
  joint = await run("joint");
});

describe("method joint", () => {
  it("ranks, selects, and trains on labelled and selected images together", () => {
    expect(Object.keys(stagesDone(joint))).toEqual([
      "labels",
      "none-class",
      "scores",
      "selection",
      "joint",
      "labels-alone",
      "tuned-alone",
      "results",
      "best",
    ]);
    const counts = countsOf(joint);
    expect(counts["none-class"]).toMatchObject({
      images: 30,
      "unlabelled images embedded": 60,
      "none of the classes": 20,
    });
    expect(counts["scores"]).toEqual({ shards: 3, images: 60, broken: 0 });
    expect(counts["selection"]).toMatchObject({ k: 4, rows: 12, images: 12 });
    // As many steps and images of a step as of the labels alone.
    expect(counts["joint"]).toEqual(counts["tuned-alone"]);
    expect(counts["joint"]).toEqual({ images: 30, imagesProcessed: 16 });
    expect(Object.keys(counts["results"]!)).toEqual([
      "measured images",
      "top-1 of labels",
      "top-1 of joint",
      "top-1 of labels-alone",
      "top-1 of tuned-alone",
    ]);
  });

  it("says that it trains the whole network", () => {
    const planned = joint.find((event) => event.type === "planned");
    expect(planned?.choices).toMatchObject([
      { method: "joint", mode: "full", because: "as asked for; it trains the whole network" },
    ]);
  });

  it("counts an image for one class, by a probability of which none of the classes has a share", async () => {
    const rows = await rowsOf("joint");
    expect(new Set(rows.map(({ image_id }) => image_id)).size).toBe(12);
    expect([0, 1, 2].map((index) => rows.filter((row) => row.class === index).length)).toEqual([4, 4, 4]);
    await run("plain", { noneImages: null });
    const plain = await rowsOf("plain");
    expect(plain).not.toEqual(rows);
    const greys = (some: readonly SelectionRow[]): number =>
      some.filter(({ image_id }) => image_id.includes("grey-")).length;
    expect(greys(rows)).toBeLessThanOrEqual(greys(plain));
    const { description } = await openModel(at("joint", "none-class", "best.safetensors"));
    expect(description.classes).toEqual(["blue", "green", "None of these", "none of these"]);
  });

  it("takes images with the label none for what the ranking holds to be none of the classes", async () => {
    mkdirSync(at("refused", "none"), { recursive: true });
    for (let i = 0; i < 8; i++) {
      const grey = 30 * i + 5;
      writeFileSync(at("refused", "none", `${i}.png`), await solidPng([grey, grey, grey], 20));
    }
    await run("refused-run", { labelled: [...settings.labelled!, at("refused")] });
    const { description } = await openModel(at("refused-run", "none-class", "best.safetensors"));
    expect(description.classes).toEqual(["blue", "green", "None of these", "none"]);
    const { description: student } = await openModel(at("refused-run", "joint", "best.safetensors"));
    const classes = student.classes as readonly string[];
    expect(classes.toSorted()).toEqual(["None of these", "blue", "green", "none"]);
    const rows = await rowsOf("refused-run");
    for (const [index, name] of classes.entries()) {
      const own = rows.filter((row) => row.class === index);
      expect(own).toHaveLength(4);
      for (const { image_id: id } of own)
        expect(id.includes("grey-"), `${name}: ${id}`).toBe(name === "none");
    }
  });

  it("says what the model is and compares it with the labels alone, at the same steps", async () => {
    const best = joint.at(-1);
    if (best?.type !== "best") throw new Error("expected the best model as the last event");
    expect(best.stage).toBe(best.isVetoed ? "tuned-alone" : "joint");
    expect((await openModel(best.path)).description).toMatchObject({
      classes: ["blue", "green", "None of these"],
      provenance: { method: "joint", stage: best.stage, what: best.what },
    });
    if (!best.isVetoed) expect(best.what).toContain("and on images that it selected of 60");
    const page = text("joint", "report.html");
    const shown = page.replaceAll(/<(script|style)[^]*?<\/\1>/g, "").replaceAll(/<[^>]+>/g, "");
    const compared = JSON.parse(text("joint", "best", "verdict.json")) as ComparedModels;
    expect(compared).toMatchObject({ method: "joint", labelled: 30, unlabelled: 60 });
    expect(shown).toContain(verdictOf(compared).headline);
    expect(shown).toContain("took 2 steps and saw the same augmentation");
    expect(shown).toContain("half are labelled images, and half selected ones");
    expect(shown).toContain("With selected images, tuned");
    expect(shown).toContain("What the teacher picked");
    expect(shown).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("has nothing left to do when it is begun again; K changes what comes after the scores", async () => {
    expect(stagesDone(await run("joint"))).toEqual({});
    const events = await run("joint", { k: 5 });
    expect(stagesDone(events)).toMatchObject({ selection: ["k 4 -> 5"] });
    expect(Object.keys(stagesDone(events))).toEqual(["selection", "joint", "results", "best"]);
    await run("joint");
  });

  it("keeps what method labels did", async () => {
    const { k: _, duplicateDistance: __, noneImages: ___, ...rest } = settings;
    const labels = { ...rest, method: "labels", mode: "full" } as const;
    await eventsOf(runSemi({ settings: labels, out: at("from-labels"), threads: 1, workers: 1 }));
    const events = await run("from-labels");
    expect(Object.keys(stagesDone(events))).toEqual([
      "none-class",
      "scores",
      "selection",
      "joint",
      "results",
      "best",
    ]);
    expect(bytes("from-labels", "joint", "best.safetensors")).toEqual(
      bytes("joint", "joint", "best.safetensors"),
    );
  });

  it("goes on where it was stopped, with the same model in the end", async () => {
    for (const stage of ["none-class", "scores", "joint"]) {
      const stop = new AbortController();
      const events = runSemi({
        settings,
        out: at("stopped"),
        threads: 1,
        workers: 1,
        signal: stop.signal,
      });
      const seen: string[] = [];
      for await (const event of events) {
        seen.push(event.type);
        if (!("stage" in event) || event.stage !== stage) continue;
        const isUnderWay = event.type !== "training" || event.event.type !== "started";
        if (isUnderWay) stop.abort();
      }
      expect(seen.at(-1)).toBe("stopped");
    }
    await run("stopped");
    for (const name of ["labels", "none-class", "joint", "labels-alone", "tuned-alone"]) {
      const file = "best.safetensors";
      expect({ name, bytes: bytes("stopped", name, file) }).toEqual({
        name,
        bytes: bytes("joint", name, file),
      });
    }
    expect(await rowsOf("stopped")).toEqual(await rowsOf("joint"));
  });

  it("takes K of a quarter of the images, or 1,000, and says which classes have fewer", async () => {
    expect(defaultK(23_000, 4, true)).toBe(1000);
    expect(defaultK(400, 4, true)).toBe(25);
    expect(defaultK(3, 4, true)).toBe(1);
    const events = await run("default-k", { k: null });
    expect(countsOf(events)["selection"]).toMatchObject({ k: 5 });
    const many = await run("many", { k: 40 });
    expect(many.filter(({ type }) => type === "warning")).toMatchObject([
      { stage: "selection", message: expect.stringMatching(/have fewer than K \(40\) images/) as string },
    ]);
  });
});

describe("what method joint has no use for", () => {
  it.each([
    [{ mode: "head" }, "semi/settings", "joint trains the whole network"],
    [{ p: 3 }, "semi/no-effect", "p (3): no effect but in method paper"],
    [{ validation: ["data/test"] }, "semi/no-effect", "validation"],
    [{ teach: false }, "semi/no-effect", "teach"],
    [{ k: 100 }, "semi/k", "expected at most 60"],
  ])("%j", async (changes, code, message) => {
    await expect(run("refused", changes as Partial<SemiSettings>)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
  });

  it.each(["auto", "labels", "paper"] as const)("its own setting is refused in method %s", async (method) => {
    const { k: _, duplicateDistance: __, ...rest } = settings;
    const running = eventsOf(runSemi({ settings: { ...rest, method }, out: at("refused") }));
    await expect(running).rejects.toMatchObject({
      code: "semi/no-effect",
      message: expect.stringContaining("noneImages (20): no effect but in method joint") as string,
    });
  });
});
