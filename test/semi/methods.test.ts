import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../src/node/library.ts";
import { runSemi } from "../../src/node/semi.ts";
import type { RunSemiOptions, SemiEvent, SemiSettings } from "../../src/semi/index.ts";
import { verdictOf, type ComparedModels } from "../../src/semi/report/verdict.ts";
import { writeColouredImages } from "../support/coloured-images.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { eventsOf, stagesDone, writePipelineData, writeShard } from "./pipeline-data.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
let settings: Partial<SemiSettings>;

const run = (
  out: string,
  changes: Partial<SemiSettings> = {},
  options: Partial<RunSemiOptions> = {},
): Promise<readonly SemiEvent[]> =>
  eventsOf(
    runSemi({ settings: { ...settings, ...changes }, out: at(out), threads: 1, workers: 1, ...options }),
  );

const adapting = {
  adaptEpochs: 2,
  adaptRecipe: { base: "adapt", batchSize: 8, saveMinutes: 0 },
} as const satisfies Partial<SemiSettings>;
/** Every stage, as short as can be. */
const full = {
  method: "adapt",
  mode: "full",
  ...adapting,
  tuneRecipe: { base: "quick", images: 16, batchSize: 8, batchNorm: "frozen", learningRate: 0.01 },
} as const satisfies Partial<SemiSettings>;

const planOf = (events: readonly SemiEvent[]): Extract<SemiEvent, { type: "planned" }> =>
  events.find((event) => event.type === "planned")!;
const bestOf = (events: readonly SemiEvent[]): Extract<SemiEvent, { type: "best" }> => {
  const last = events.at(-1)!;
  if (last.type !== "best") throw new Error(`expected the best model as the last event: ${last.type}`);
  return last;
};
const bytes = (...parts: readonly string[]): Buffer => readFileSync(at(...parts));
const verdict = (out: string): object => JSON.parse(bytes(out, "best", "verdict.json").toString()) as object;

let adapted: readonly SemiEvent[];

beforeAll(async () => {
  const { labelled, unlabelled, test, teacher } = await writePipelineData(at("data"));
  settings = {
    labelled,
    unlabelled,
    test,
    teacher,
  } as Partial<SemiSettings>;
  adapted = await run("adapt", full);
});

describe("a stage of another method", () => {
  it("is refused in place of nothing being done", async () => {
    for (const only of [["score"], ["select", "pretrain"]] as const) {
      await expect(run("other", { method: "labels", mode: "head" }, { only })).rejects.toMatchObject({
        code: "semi/no-effect",
        message: expect.stringMatching(/method labels has no such stage here; it does fit, alone/) as string,
      });
    }
    const part = run("other", { method: "labels", mode: "head" }, { part: { index: 1, count: 2 } });
    await expect(part).rejects.toMatchObject({ code: "semi/no-effect" });
  });
});

describe("method adapt", () => {
  it("does every stage, and trains on every label", () => {
    expect(Object.keys(stagesDone(adapted))).toEqual([
      "adapted",
      "labels",
      "tuned",
      "labels-alone",
      "tuned-alone",
      "results",
      "best",
    ]);
    const counts = Object.fromEntries(
      adapted.flatMap((event) =>
        event.type === "stage-finished" ? [[event.stage, event.manifest.counts]] : [],
      ),
    );
    // 30 labelled and 30 unlabelled ones, 7 batches of 8 an epoch.
    expect(counts["adapted"]).toEqual({ images: 60, imagesProcessed: 112 });
    expect(counts["labels"]).toMatchObject({ images: 30, folds: 5 });
    expect(counts["tuned"]).toEqual({ images: 30, imagesProcessed: 16 });
    expect(Object.keys(counts["results"]!)).toEqual([
      "measured images",
      "top-1 of labels",
      "top-1 of tuned",
      "top-1 of labels-alone",
      "top-1 of tuned-alone",
    ]);
  });

  it("says beforehand what was chosen, and what adapting costs", () => {
    const { choices, stages } = planOf(adapted);
    expect(choices).toMatchObject([{ method: "adapt", mode: "full", because: expect.any(String) as string }]);
    const { seconds } = stages.find(({ stage }) => stage === "adapted")!;
    expect(seconds).toBeGreaterThan(0);
    expect(existsSync(at("adapt", ".timed-training"))).toBe(false);
  });

  it("writes the model that it ends with, which says what it is", async () => {
    const { stage, path, what, isVetoed } = bestOf(adapted);
    expect(path).toBe(at("adapt", "best.safetensors"));
    expect(stage).toBe(isVetoed ? "tuned-alone" : "tuned");
    const { description } = await openModel(path);
    expect(description).toMatchObject({ name: "adapt", classes: ["blue", "green", "red"] });
    expect(description.provenance).toMatchObject({ method: "adapt", stage, what });
    expect(what).toContain("30 labelled images of 3 classes");
  });

  it("compares with the labels alone, image by image", () => {
    const { test, crossValidated, perClass, ...rest } = verdict("adapt") as Record<string, unknown>;
    expect(rest).toMatchObject({ labelled: 30, unlabelled: 30, classes: 3, method: "adapt" });
    const { images, onlyWith, onlyWithout, ...top1 } = test as Record<string, number>;
    expect(images).toBe(12);
    expect(top1["with"]! - top1["without"]!).toBeCloseTo((100 * (onlyWith! - onlyWithout!)) / 12, 6);
    const { difference, with: ours, without } = crossValidated as Record<string, Record<string, number>>;
    expect(difference!["mean"]).toBeCloseTo(ours!["loss"]! - without!["loss"]!, 9);
    expect(difference!["standardError"]).toBeGreaterThan(0);
    expect(
      (perClass as { labelled: number; images: number }[]).map((one) => [one.labelled, one.images]),
    ).toEqual(Array.from({ length: 3 }, () => [10, 4]));
  });

  it("opens its page with the verdict on these numbers, and counts its own stages", () => {
    const page = bytes("adapt", "report.html").toString();
    const text = page.replaceAll(/<(script|style)[^]*?<\/\1>/g, "").replaceAll(/<[^>]+>/g, "");
    const found = verdictOf(verdict("adapt") as unknown as ComparedModels);
    expect(text).toContain(found.headline);
    expect(text).toContain("took 2 steps and saw the same augmentation");
    expect(
      page.match(/<ol class="steps".*?<b>60<\/b> images, no labels.*?<b>30<\/b> labelled images/s),
    ).toBeTruthy();
    expect(text).toContain(
      `best.safetensors is the model ${found.isVetoed ? "Labels alone, tuned" : "With unlabelled images, tuned"}`,
    );
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("has nothing left to do when it is begun again, and times nothing", async () => {
    const events = await run("adapt", full);
    expect(stagesDone(events)).toEqual({});
    expect(planOf(events).stages.map(({ status, seconds }) => [status, seconds])).toEqual(
      Array.from({ length: 7 }, () => ["done", undefined]),
    );
    expect(bestOf(events)).toEqual(bestOf(adapted));
  });

  it("writes the model again where it is gone or was changed", async () => {
    cpSync(at("adapt"), at("gone"), { recursive: true, preserveTimestamps: true });
    const options = full;
    rmSync(at("gone", "best.safetensors"));
    expect(stagesDone(await run("gone", options))).toEqual({ best: ["best.safetensors is gone"] });
    cpSync(at("gone", "labels-alone", "best.safetensors"), at("gone", "best.safetensors"));
    expect(stagesDone(await run("gone", options))).toEqual({ best: ["best.safetensors was changed"] });
  });

  it("does again what other settings change: the mode keeps what was adapted", async () => {
    cpSync(at("adapt"), at("head"), { recursive: true, preserveTimestamps: true });
    const events = await run("head", { method: "adapt", mode: "head", ...adapting });
    expect(Object.keys(stagesDone(events))).toEqual(["results", "best"]);
    expect(bestOf(events).stage).toMatch(/^labels/);
  });
});

describe("method labels", () => {
  it("leaves the network as it is, and needs no test images", async () => {
    const events = await run("labels", { method: "labels", mode: "head", test: null });
    expect(Object.keys(stagesDone(events))).toEqual(["labels", "labels-alone", "results", "best"]);
    expect(events.filter(({ type }) => type === "warning")).toEqual([]);
    expect(planOf(events).choices).toMatchObject([{ method: "labels", mode: "head" }]);
    const page = bytes("labels", "report.html").toString();
    expect(page).toContain("The 30 unlabelled images had no part in the model");
    expect(page).toContain("is the model <strong>Labels alone, frozen</strong>");
    expect(page).not.toContain("With unlabelled images");
    // Thirty unlabelled images are too few to say how embeddings vary: both classifiers are the same.
    expect(verdict("labels")).toMatchObject({ isVetoed: false, crossValidated: { difference: { mean: 0 } } });
    expect(verdict("labels")).not.toHaveProperty("test");
  });
});

describe("a training whose length is found out beforehand", () => {
  it("is timed on images of every class, though a few steps need fewer images than one class has", async () => {
    const tuneRecipe = { ...full.tuneRecipe, batchSize: 2 };
    const { choices, stages } = planOf(await run("timed", { method: "labels", test: null, tuneRecipe }));
    expect(choices).toMatchObject([{ method: "labels", mode: "full" }]);
    expect(stages.find(({ stage }) => stage === "tuned")!.seconds).toBeGreaterThan(0);
  });
});

describe("the veto", () => {
  it("sends back the model of labels alone where the other one is clearly worse", async () => {
    // A rate of which the network does not recover.
    const ruined = { base: "adapt", batchSize: 8, learningRate: 0.5, warmUp: 0 } as const;
    const options = { method: "adapt", mode: "head", adaptEpochs: 3 } as const;
    const events = await run("ruined", { ...options, adaptRecipe: ruined });
    const best = bestOf(events);
    const { crossValidated } = verdict("ruined") as {
      crossValidated: { difference: Record<string, number> };
    };
    const { mean, standardError } = crossValidated.difference;
    expect(mean).toBeGreaterThan(standardError!);
    expect(best).toMatchObject({ stage: "labels-alone", isVetoed: true });
    expect(best.what).toContain("cross-validated log loss was worse");
    expect(best.verdict.isVetoed).toBe(true);
  });
});

describe("method auto", () => {
  it.each([
    ["from random weights", { scratch: true }, "random weights"],
    ["where settings ask for what it alone has a use for", { k: 4 }, "k has an effect"],
  ])("takes the paper's order %s", async (_, changes, why) => {
    const events = runSemi({ settings: { ...settings, ...changes }, out: at("paper") });
    for await (const event of events) {
      if (event.type !== "planned") continue;
      expect(event.choices).toMatchObject([
        { method: "paper", because: expect.stringContaining(why) as string },
      ]);
      expect(event.stages.map(({ stage }) => stage)).toContain("finetune");
      break;
    }
  });

  it("adapts a trained network to enough images, unless it takes too long, which stays so", async () => {
    await writeShard(at("many.tar"), 670, 5);
    // As many images as is said, the labelled ones among them.
    const many = { unlabelled: [at("many.tar")], adaptEpochs: 1, adaptImages: 2005 };
    const stop = new AbortController();
    const begun: SemiEvent[] = [];
    const events = runSemi({
      settings: { ...settings, ...many, adaptRecipe: adapting.adaptRecipe },
      out: at("auto"),
      threads: 1,
      workers: 1,
      signal: stop.signal,
    });
    for await (const event of events) {
      begun.push(event);
      if (event.type !== "training" || event.event.type !== "started") continue;
      expect(event).toMatchObject({ stage: "adapted", event: { trainingImages: 2005 } });
      stop.abort();
    }
    expect(planOf(begun).choices).toMatchObject([
      {
        method: "adapt",
        mode: "head",
        because: expect.stringMatching(/of 500 unlabelled images .* look like one of the classes/) as string,
      },
    ]);
    // A limit that is given to a run that goes on is followed.
    const limited = { ...many, adaptRecipe: adapting.adaptRecipe, adaptMinutes: 1e-6, mode: "head" } as const;
    expect(planOf(await run("auto", limited)).choices).toMatchObject([
      { method: "labels", because: expect.stringContaining("adaptMinutes is") as string },
    ]);
    const dear = { ...many, adaptMinutes: 1e-6, mode: "head" } as const;
    const { choices, stages } = planOf(await run("dear", dear));
    expect(choices).toMatchObject([
      { method: "labels", because: expect.stringContaining("adaptMinutes is") as string },
    ]);
    expect(stages.map(({ stage }) => stage)).toEqual(["labels", "labels-alone", "results", "best"]);
    expect(stagesDone(await run("dear", dear))).toEqual({});
  });

  it("leaves the network as it is with few images", async () => {
    const { choices } = planOf(await run("tiny", { test: null, tuneMinutes: 1e-6 }));
    expect(choices).toMatchObject([
      {
        method: "labels",
        mode: "head",
        because: expect.stringMatching(
          /^30 unlabelled images are too few.* about \d+ minutes?, and tuneMinutes is/,
        ) as string,
      },
    ]);
  });

  it("does not count images that nobody has sorted yet", async () => {
    await writeColouredImages(at("unsorted"), 8, 9);
    for (const colour of ["blue", "green"]) {
      for (const name of readdirSync(at("unsorted", colour)))
        renameSync(at("unsorted", colour, name), at("unsorted", `${colour}-${name}`));
    }
    const labelled = [...settings.labelled!, at("unsorted")];
    const { choices } = planOf(await run("sorting", { test: null, labelled, tuneMinutes: 1e-6 }));
    expect(choices[0]!.because).toContain("12.7 labelled images a class");
    expect(verdict("sorting")).toMatchObject({ labelled: 38 });
  });
});

describe("settings that a method has no use for", () => {
  it.each([
    [
      "validation images",
      () => ({ method: "adapt" as const, validation: [at("data", "test")] }),
      "validation",
    ],
    ["a teacher as it is", () => ({ method: "labels" as const, teach: false }), "teach"],
  ])("%s", async (_, changes, name) => {
    await expect(run("refused", changes())).rejects.toMatchObject({
      code: "semi/no-effect",
      message: expect.stringContaining(name) as string,
    });
  });

  it("a length of the adaptation in its recipe", async () => {
    const recipe = { base: "adapt", epochs: 3 } as const;
    await expect(run("refused", { method: "adapt", adaptRecipe: recipe })).rejects.toThrow(/adaptEpochs/);
  });
});

it("goes on where it was stopped, with the same model in the end", async () => {
  const options = full;
  for (const stage of ["adapted", "tuned"]) {
    const stop = new AbortController();
    const events = runSemi({
      settings: { ...settings, ...options },
      out: at("stopped"),
      threads: 1,
      workers: 1,
      signal: stop.signal,
    });
    const seen: string[] = [];
    for await (const event of events) {
      seen.push(event.type);
      if (event.type === "training" && event.stage === stage && event.event.type === "step") stop.abort();
    }
    expect(seen.at(-1)).toBe("stopped");
  }
  await run("stopped", options);
  for (const stage of ["adapted", "labels", "tuned", "labels-alone", "tuned-alone"]) {
    const name = "best.safetensors";
    expect({ stage, bytes: bytes("stopped", stage, name) }).toEqual({
      stage,
      bytes: bytes("adapt", stage, name),
    });
  }
});

it("ends well with 36 photos in three folders and 64 others", async () => {
  await writeColouredImages(at("photos"), 12, 6);
  await writeShard(at("others.tar"), 21, 7);
  const events = await eventsOf(
    runSemi({
      settings: {
        labelled: [at("photos")],
        unlabelled: [at("others.tar")],
        teacher: settings.teacher!,
        // As a network that people bring takes on their machines.
        tuneMinutes: 1e-6,
      },
      out: at("small"),
      threads: 1,
      workers: 1,
    }),
  );
  expect(bestOf(events).stage).toBe("labels");
});
