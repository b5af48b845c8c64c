import { describe, expect, it } from "vitest";
import {
  planRuns,
  resolveSettings,
  variantName,
  type Stage,
  type TrainingSettings,
} from "../../src/semi/index.ts";
import { planStages } from "../../src/semi/plan/plan-stages.ts";
import { startOf } from "../../src/semi/plan/stage.ts";

const inImages = { base: "quick", images: 320 };
const data = { labelled: "photos", unlabelled: "more", teacher: "resnet50" };
const resolved = (values: Readonly<Record<string, unknown>>) =>
  resolveSettings([{ name: "the settings", values: { ...data, ...values } }]);
/** Settings of the paper's order, whose trainings are as long as they say. */
const settingsOf = (values: Readonly<Record<string, unknown>> = {}) =>
  resolved({ pretrainRecipe: inImages, finetuneRecipe: inImages, ...values });

const foldersOf = (stages: readonly Stage[]): readonly string[] => stages.map(({ folder }) => folder);
const stageIn = (stages: readonly Stage[], folder: string): Stage =>
  stages.find((stage) => stage.folder === folder)!;
const trainingIn = (stages: readonly Stage[], folder: string): TrainingSettings =>
  stageIn(stages, folder).settings as TrainingSettings;

describe("planStages", () => {
  it("gives the stages in an order in which each comes after those it needs", () => {
    const stages = planStages(settingsOf({ weak: "tags", rounds: 3 }));
    const before = new Set<string>();
    for (const { folder, needs } of stages) {
      expect(needs.filter((needed) => !before.has(needed))).toEqual([]);
      before.add(folder);
    }
    expect(before.size).toBe(stages.length);
    expect(foldersOf(stages).slice(0, 3)).toEqual(["weak-teacher", "teacher", "scores"]);
  });

  it("starts the student from random weights, and each training after it from the last one", () => {
    const stages = planStages(settingsOf({ weak: "tags", student: "resnet18" }));
    expect(
      stages.flatMap((stage) => {
        const start = startOf(stage);
        return start ? [[stage.folder, start]] : [];
      }),
    ).toEqual([
      ["weak-teacher", { model: "resnet50", scratch: false }],
      ["teacher", { folder: "weak-teacher" }],
      ["pretrain", { model: "resnet18", scratch: true }],
      ["finetune", { folder: "pretrain" }],
      ["supervised", { model: "resnet18", scratch: true }],
    ]);
  });

  it("starts the student, and its baseline, from where it is asked to", () => {
    const startsOf = (given: Parameters<typeof settingsOf>[0]): readonly unknown[] => {
      const stages = planStages(settingsOf(given));
      return ["pretrain", "supervised"].map((folder) => startOf(stageIn(stages, folder)));
    };
    for (const [given, start] of [
      [
        { student: "ssl_resnet18", studentStart: "pretrained" },
        { model: "ssl_resnet18", scratch: false },
      ],
      [
        { student: null, studentStart: "pretrained" },
        { model: "resnet50", scratch: false },
      ],
      [{ student: null, studentStart: "teacher" }, { folder: "teacher" }],
    ] as const) {
      expect(startsOf(given)).toEqual([start, start]);
    }
    const rounds = planStages(settingsOf({ student: null, studentStart: "teacher", rounds: 2 }));
    expect(stageIn(rounds, "round-2/pretrain")).toMatchObject({
      needs: ["round-2/selection", "round-2/scores", "finetune"],
      settings: { start: { folder: "finetune" } },
    });
    // Each student goes on from the one before, so the baseline is as long as all of them.
    expect(stageIn(rounds, "supervised").needs).toEqual(["teacher"]);
    expect(trainingIn(rounds, "supervised").recipe).toMatchObject({ images: 2 * 640 });
  });

  it("lets a teacher score that is trained already", () => {
    const stages = planStages(settingsOf({ teach: false, teacher: "my.pth" }));
    expect(foldersOf(stages)[0]).toBe("scores");
    expect(stages[0]).toMatchObject({ needs: [], reads: { teacher: "my.pth" } });
  });

  it("takes the student of a round as the teacher of the next, and leaves the first round where it stands", () => {
    const one = planStages(settingsOf());
    const two = planStages(settingsOf({ rounds: 2 }));
    expect(foldersOf(two)).toEqual([
      "teacher",
      "scores",
      "selection",
      "pretrain",
      "finetune",
      "round-2/scores",
      "round-2/selection",
      "round-2/pretrain",
      "round-2/finetune",
      "supervised",
      "results",
      "best",
    ]);
    expect(two.slice(0, 5)).toEqual(one.slice(0, 5));
    expect(stageIn(two, "round-2/scores").needs).toEqual(["finetune"]);
  });

  it("gives the baseline the length of the student's trainings, when it follows from the settings", () => {
    const known = planStages(settingsOf());
    expect(stageIn(known, "supervised").needs).toEqual([]);
    expect(trainingIn(known, "supervised").recipe).toMatchObject({ images: 640, epochs: null });
    const inEpochs = planStages(settingsOf({ finetuneRecipe: { base: "quick", epochs: 2 } }));
    expect(stageIn(inEpochs, "supervised").needs).toEqual(["pretrain", "finetune"]);
    expect(foldersOf(planStages(settingsOf({ baseline: false })))).not.toContain("supervised");
  });

  it("decides on the seed and the validation images of all trainings alike", () => {
    const stages = planStages(settingsOf({ seed: 7 }));
    for (const folder of ["teacher", "pretrain", "finetune", "supervised"]) {
      expect(trainingIn(stages, folder).recipe).toMatchObject({ seed: 7, validationShare: 0 });
    }
  });

  it("fits the labels on a network that is adapted first, or left as it is", () => {
    const adapt = planStages(resolved({ method: "adapt", mode: "full", adaptEpochs: 3 }));
    expect(adapt.map(({ kind, folder, needs }) => [kind, folder, needs])).toEqual([
      ["adapt", "adapted", []],
      ["fit", "labels", ["adapted"]],
      ["tune", "tuned", ["labels"]],
      ["alone", "labels-alone", []],
      ["tune-alone", "tuned-alone", ["labels-alone"]],
      ["measure", "results", ["adapted", "labels", "tuned", "labels-alone", "tuned-alone"]],
      ["choose", "best", ["labels", "tuned", "labels-alone", "tuned-alone", "results"]],
    ]);
    expect(stageIn(adapt, "adapted").settings).toMatchObject({
      start: { model: "resnet50", scratch: false },
      recipe: { mode: "adapt", epochs: 3 },
    });
    // The same but for where it starts: what is compared has the same steps and augmentation.
    const recipeOf = (folder: string): unknown =>
      (stageIn(adapt, folder).settings as TrainingSettings).recipe;
    expect(recipeOf("tuned")).toEqual(recipeOf("tuned-alone"));
    const labels = planStages(resolved({ method: "labels", mode: "head" }));
    expect(foldersOf(labels)).toEqual(["labels", "labels-alone", "results", "best"]);
    expect(startOf(stageIn(labels, "labels"))).toEqual(startOf(stageIn(labels, "labels-alone")));
  });
});

/** Folders of a variant's stages, those that it shares as they are. */
const variantFolders = (values: Readonly<Record<string, unknown>>): readonly string[] =>
  foldersOf(planRuns(settingsOf({ variants: { v: values } }))[1]!.stages);
const own = (...names: readonly string[]): readonly string[] => names.map((name) => `variants/v/${name}`);

describe("planRuns", () => {
  it("shares with a variant what its settings do not touch", () => {
    expect(variantFolders({ k: 5 })).toEqual([
      "teacher",
      "scores",
      ...own("selection", "pretrain", "finetune"),
      "supervised",
      ...own("results", "best"),
    ]);
    expect(variantFolders({ ranking: "unbalanced" })).toEqual(variantFolders({ k: 5 }));
    expect(variantFolders({ pretrainRecipe: { ...inImages, mixup: 0.2 } })).toEqual([
      "teacher",
      "scores",
      "selection",
      ...own("pretrain", "finetune", "supervised", "results", "best"),
    ]);
    expect(variantFolders({ unlabelled: "less" })).toEqual([
      "teacher",
      ...own("scores", "selection", "pretrain", "finetune"),
      "supervised",
      ...own("results", "best"),
    ]);
    expect(variantFolders({ teacher: "resnet18", student: "resnet50" })).toEqual([
      ...own("teacher", "scores", "selection", "pretrain", "finetune"),
      "supervised",
      ...own("results", "best"),
    ]);
    expect(variantFolders({ rounds: 2 })).toEqual([
      "teacher",
      "scores",
      "selection",
      "pretrain",
      "finetune",
      ...own("round-2/scores", "round-2/selection", "round-2/pretrain", "round-2/finetune"),
      "supervised",
      ...own("results", "best"),
    ]);
  });

  it("leads a variant's stages to each other, and to the base's", () => {
    const [, variant] = planRuns(settingsOf({ variants: { v: { k: 5 } } }));
    const stages = variant!.stages;
    expect(stageIn(stages, "variants/v/selection").needs).toEqual(["scores"]);
    expect(stageIn(stages, "variants/v/pretrain").needs).toEqual(["variants/v/selection", "scores"]);
    expect(trainingIn(stages, "variants/v/finetune").start).toEqual({ folder: "variants/v/pretrain" });
  });

  it("changes the recipe of the run, where a variant's has no base", () => {
    const settings = settingsOf({ pretrainRecipe: { base: "quick", batchSize: 8, images: 80 } });
    const [, variant] = planRuns({ ...settings, sweep: { pretrainRecipe: [{ images: 160 }] } });
    expect(trainingIn(variant!.stages, "variants/pretrainRecipe-images-160/pretrain").recipe).toMatchObject({
      batchSize: 8,
      images: 160,
    });
  });

  it("moves each seed but the first to a folder of its own", () => {
    const runs = planRuns(settingsOf({ seed: 3, seeds: 2, sweep: { k: [5, 6] } }));
    expect(runs.map(({ variant, settings }) => [variant, settings.seed])).toEqual([
      [undefined, 3],
      ["k-5", 3],
      ["k-6", 3],
      [undefined, 4],
      ["k-5", 4],
      ["k-6", 4],
    ]);
    expect(foldersOf(runs[2]!.stages)).toContain("variants/k-6/selection");
    expect(foldersOf(runs[5]!.stages)).toContain("seed-4/variants/k-6/selection");
    expect(trainingIn(runs[3]!.stages, "seed-4/finetune").start).toEqual({ folder: "seed-4/pretrain" });
    expect(trainingIn(runs[3]!.stages, "seed-4/teacher").recipe.seed).toBe(4);
  });

  it.each([
    [{ sweep: { kk: [1] } }, 'there is no setting "kk"'],
    [{ sweep: { k: [0] } }, "k"],
    [{ sweep: { seed: [1, 2] } }, "A variant cannot have seed of its own"],
    [{ variants: { v: { sweep: {} } } }, "A variant cannot have sweep of its own"],
    [{ sweep: { teacher: ["x".repeat(200)] } }, "too long for a folder's name"],
    [{ sweep: { k: [5] }, variants: { "k-5": { k: 5 } } }, "two variants k-5"],
  ])("refuses %j", (values, message) => {
    expect(() => planRuns(settingsOf(values))).toThrow(message);
  });

  it("names the variants of a sweep after their values", () => {
    expect(variantName({ key: "k", value: 500 })).toBe("k-500");
    expect(variantName({ key: "teacher", value: "models/a b.pth" })).toBe("teacher-models-a-b.pth");
    expect(variantName({ key: "pretrainRecipe", value: { epochs: 3 } })).toBe("pretrainRecipe-epochs-3");
  });
});
