import { describe, expect, it } from "vitest";
import { planRuns, resolveSettings, semiKeys, type SemiSettings } from "../../src/semi/index.ts";
import { effectiveRecipe, recipeKeys, type Recipe } from "../../src/train/index.ts";
import { otherRecipeValues } from "../support/other-recipe-values.ts";

/** For each setting others than the contexts have, none of which asks for what happens anyway. */
const others: { readonly [K in keyof SemiSettings]: readonly unknown[] } = {
  labelled: ["other-photos"],
  unlabelled: ["other-images"],
  labelsFile: ["labels.csv"],
  imageColumn: ["file"],
  labelColumn: ["kind"],
  validation: ["other-validation"],
  validationShare: [0.3],
  test: ["other-test"],
  exif: [false],
  seed: [5],
  method: ["adapt", "labels", "joint", "paper"],
  mode: ["head", "full"],
  adaptEpochs: [3],
  adaptImages: [1000],
  adaptMinutes: [5],
  tuneMinutes: [5],
  adaptRecipe: [{ base: "adapt", temperature: 0.5 }],
  tuneRecipe: ["supervised"],
  teacher: ["resnet34"],
  ema: [true],
  key: ["student"],
  labels: ["names.txt"],
  teach: [true, false],
  scratch: [true],
  teachRecipe: ["supervised"],
  weak: ["other-tags"],
  weakRecipe: ["supervised"],
  p: [3],
  k: [7],
  ranking: ["balanced", "unbalanced", "threshold"],
  noneImages: [100, null],
  threshold: [0.7],
  duplicateDistance: [3],
  keepDuplicates: [true],
  shardImages: [500],
  student: ["resnet26"],
  studentStart: ["random", "pretrained", "teacher"],
  pretrainRecipe: ["supervised"],
  finetuneRecipe: ["supervised"],
  baseline: [true, false],
  supervisedRecipe: ["supervised"],
  seeds: [2],
  sweep: [{ exif: [false] }],
  variants: [{ other: { exif: false } }],
  rounds: [2],
};

const ofPaper: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "the paper's": {},
  unbalanced: { ranking: "unbalanced" },
  "a threshold": { ranking: "threshold" },
  "a teacher as it is": { teach: false },
  "weak labels, two rounds": { weak: "tags", rounds: 3 },
  "no baseline": { baseline: false },
  "the teacher's weights": { student: null, studentStart: "teacher" },
  "validation images of their own": { validation: "validation" },
  "trainings in images": {
    pretrainRecipe: { base: "quick", images: 320 },
    finetuneRecipe: { base: "quick", images: 320 },
  },
  "heads and last stages": {
    teachRecipe: { base: "quick", mode: "head" },
    finetuneRecipe: { base: "quick", mode: "last-stages" },
  },
};

const contexts: typeof ofPaper = {
  ...Object.fromEntries(
    Object.entries(ofPaper).map(([name, values]) => [
      `method paper, ${name}`,
      { method: "paper", student: "resnet18", ...values },
    ]),
  ),
  "method adapt, head": { method: "adapt", mode: "head" },
  "method adapt, full": { method: "adapt", mode: "full" },
  "method labels, head": { method: "labels", mode: "head" },
  "method labels, full": { method: "labels", mode: "full" },
  "method joint": { method: "joint", mode: "full" },
  "method joint, all that reach a score": { method: "joint", mode: "full", ranking: "threshold" },
  "method joint, without a class for none": { method: "joint", mode: "full", noneImages: null },
};

/** Refusals of their own: what such a recipe cannot be. */
const ofTheirOwn =
  /^(adaptRecipe: gives a length|adaptRecipe: expected mode|tuneRecipe: expected mode|mode head: method joint)/;

const base = { labelled: "photos", unlabelled: "more", teacher: "resnet50" };

/** Settings in which somebody asks for one thing, or the refusal of that. */
function asked(context: Readonly<Record<string, unknown>>, values: Readonly<Record<string, unknown>>) {
  const layer = (name: string, given: typeof values) => ({ name, values: given });
  const before = resolveSettings([layer("context", { ...base, ...context })]);
  try {
    return resolveSettings([layer("run/semi.yaml", { ...before }), layer("somebody", values)]);
  } catch (error) {
    if (ofTheirOwn.test((error as Error).message)) return (error as Error).message;
    expect(error).toMatchObject({
      name: "UsageError",
      code: expect.stringMatching(/^(semi|train)\/no-effect$/) as string,
      message: expect.stringMatching(/somebody: .*: no effect /) as string,
    });
    return (error as Error).message;
  }
}

/** What the stages of all runs are handed: what they read, and what decides on the outcome. */
const handedOn = (settings: SemiSettings): string =>
  JSON.stringify(
    planRuns(settings).map(({ stages }) =>
      stages.map((stage) =>
        "recipe" in stage.settings
          ? { ...stage, settings: { ...stage.settings, recipe: effectiveRecipe(stage.settings.recipe) } }
          : stage,
      ),
    ),
  );

describe.each(Object.entries(contexts))("%s", (_, context) => {
  const before = resolveSettings([{ name: "context", values: { ...base, ...context } }]);

  it("follows or refuses every setting", () => {
    const silent: string[] = [];
    for (const name of semiKeys) {
      const values = others[name].filter((value) => JSON.stringify(value) !== JSON.stringify(before[name]));
      for (const value of values) {
        const after = asked(context, { [name]: value });
        if (typeof after !== "string" && handedOn(after) === handedOn(before)) {
          silent.push(`${name}: ${JSON.stringify(value)}`);
        }
      }
    }
    expect(silent).toEqual([]);
  });

  const recipes = semiKeys.filter((key) => key.endsWith("Recipe"));
  it.each(recipes)("follows or refuses every value of %s", (key) => {
    const silent: string[] = [];
    for (const name of recipeKeys) {
      for (const value of otherRecipeValues[name]) {
        const after = asked(context, { [key]: { [name]: value } });
        const isUsual = JSON.stringify(usualIn(before, key, name)) === JSON.stringify(value);
        if (typeof after !== "string" && !isUsual && handedOn(after) === handedOn(before)) {
          silent.push(`${name}: ${JSON.stringify(value)}`);
        }
      }
    }
    expect(silent).toEqual([]);
  });
});

/** What a recipe of the settings says already. */
function usualIn(settings: SemiSettings, key: keyof SemiSettings, name: keyof Recipe): unknown {
  const stageOf: Readonly<Record<string, string>> = {
    adaptRecipe: "adapted",
    tuneRecipe: settings.method === "joint" ? "joint" : "tuned",
    teachRecipe: "teacher",
    weakRecipe: "weak-teacher",
    pretrainRecipe: "pretrain",
    finetuneRecipe: "finetune",
    supervisedRecipe: "supervised",
  };
  const stage = planRuns(settings)[0]!.stages.find(({ folder }) => folder === stageOf[key]);
  return stage && "recipe" in stage.settings ? stage.settings.recipe[name] : undefined;
}
