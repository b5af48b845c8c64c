import { describe, expect, it } from "vitest";
import { parseSettings, resolveSettings, settingsText, type SemiSettings } from "../../src/semi/index.ts";
import { parseRecipe, recipeText, resolveRecipe } from "../../src/train/index.ts";

const resolved = (values: Readonly<Record<string, unknown>>): SemiSettings =>
  resolveSettings([{ name: "semi.yaml", values }]);

describe("resolveSettings", () => {
  it("completes what is given, each layer winning over those before it", () => {
    const settings = resolveSettings([
      { name: "semi.yaml", values: { labelled: "photos", k: 5, seed: 3 } },
      { name: "the command line", values: { k: 7, seed: undefined } },
    ]);
    expect(settings).toMatchObject({ labelled: ["photos"], k: 7, seed: 3, p: 10, teach: true, rounds: 1 });
  });

  it("takes a recipe by its name, or as values that change one", () => {
    expect(resolved({ teachRecipe: "card-finetune" }).teachRecipe).toEqual({ base: "card-finetune" });
    const changed = { base: "supervised", epochs: 3 };
    expect(resolved({ pretrainRecipe: changed }).pretrainRecipe).toEqual(changed);
    expect(resolved({}).supervisedRecipe).toBe(null);
  });

  it("changes a recipe by values without a base", () => {
    const [file, line] = [
      { name: "semi.yaml", values: { pretrainRecipe: { base: "supervised", epochs: 3, batchSize: 8 } } },
      { name: "the command line", values: { pretrainRecipe: { images: 5 }, finetuneRecipe: { epochs: 1 } } },
    ];
    const { pretrainRecipe, finetuneRecipe } = resolveSettings([file, line]);
    expect(pretrainRecipe).toEqual({ base: "supervised", batchSize: 8, images: 5 });
    expect(finetuneRecipe).toEqual({ ...resolved({}).finetuneRecipe, epochs: 1 });
    expect(() => resolved({ pretrainRecipe: { epochs: 1, images: 5 } })).toThrow(
      "both in epochs and in images",
    );
  });

  it("takes what recipes have in common from an anchor", () => {
    const text = "pretrainRecipe: &all { base: quick, epochs: 3 }\nfinetuneRecipe: { <<: *all, epochs: 1 }";
    expect(resolveSettings([parseSettings(text, "semi.yaml")])).toMatchObject({
      pretrainRecipe: { base: "quick", epochs: 3 },
      finetuneRecipe: { base: "quick", epochs: 1 },
    });
  });

  it.each([
    [
      { labeled: "photos" },
      "semi/settings",
      'semi.yaml: there is no setting "labeled". Did you mean labelled?',
    ],
    [{ k: 0 }, "semi/settings", "k"],
    [{ p: 1.5 }, "semi/settings", "p"],
    [{ validationShare: 1 }, "semi/settings", "validationShare"],
    [{ ranking: "best" }, "semi/settings", "ranking"],
    [{ labelled: [""] }, "semi/settings", "labelled"],
    [{ duplicateDistance: 17 }, "semi/settings", "duplicateDistance"],
    [{ variants: { "..": { k: 1 } } }, "semi/settings", "expected names of letters"],
    [{ teachRecipe: "fast" }, "train/recipe", 'There is no recipe "fast"'],
    [{ finetuneRecipe: { lr: 1 } }, "train/recipe", 'finetuneRecipe: a recipe has no "lr"'],
  ])("refuses %j", (values, code, message) => {
    expect(() => resolved(values)).toThrow(
      expect.objectContaining({
        name: "UsageError",
        code,
        message: expect.stringContaining(message) as string,
      }) as Error,
    );
  });
});

describe("settings that would have no effect", () => {
  it.each([
    [{ threshold: 0.9 }, "semi.yaml: threshold (0.9): no effect but with ranking threshold"],
    [{ ranking: "threshold", k: 5, p: 3 }, "k (5): no effect with ranking threshold"],
    [{ ranking: "unbalanced", p: 3 }, "p (3): no effect but with ranking balanced"],
    [{ weakRecipe: "quick" }, 'weakRecipe ("quick"): no effect without weakly labelled images'],
    [
      { teach: false, teachRecipe: "quick", scratch: true },
      'scratch (true), teachRecipe ("quick"): no effect',
    ],
    [{ baseline: false, supervisedRecipe: "supervised" }, 'supervisedRecipe ("supervised"): no effect with'],
    [
      { validation: "photos", validationShare: 0.2 },
      "validationShare (0.2): no effect with validation images",
    ],
    [{ teachRecipe: { seed: 1 } }, "semi.yaml: teachRecipe: seed (1): no effect in this recipe"],
    [{ finetuneRecipe: { validationShare: 0 } }, "give the share of the run (validationShare"],
    [{ supervisedRecipe: { epochs: 3 } }, "supervisedRecipe: epochs (3): no effect in this recipe"],
    [
      { pretrainRecipe: { drops: 3 } },
      "semi.yaml: pretrainRecipe: drops (3): no effect but with schedule step",
    ],
    [{ finetuneRecipe: { mode: "head", epochs: 2 } }, "finetuneRecipe: epochs (2): no effect in mode head"],
  ])("are refused: %j", (values, message) => {
    expect(() => resolved(values)).toThrow(message);
    expect(() => resolved(values)).toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^(semi|train)\/no-effect$/) as string,
      }) as Error,
    );
  });

  it("are taken where a variant has a use for them", () => {
    const variants = { taught: { teach: true }, scored: { ranking: "threshold" } };
    expect(resolved({ teach: false, teachRecipe: "quick", threshold: 0.9, variants })).toMatchObject({
      threshold: 0.9,
    });
    expect(resolved({ threshold: 0.9, sweep: { ranking: ["threshold"] } })).toMatchObject({ threshold: 0.9 });
  });

  it("are taken from the settings of a run, and of those from the defaults", () => {
    const run = resolved({ labelled: "a", unlabelled: "b", k: 500, finetuneRecipe: "supervised" });
    const file = parseSettings(settingsText(run), "run/semi.yaml");
    const line = { ranking: "threshold", finetuneRecipe: { schedule: "cosine" }, teach: false };
    expect(resolveSettings([file, { name: "the command line", values: line }])).toMatchObject({
      k: 500,
      ranking: "threshold",
      finetuneRecipe: { base: "supervised", schedule: "cosine" },
    });
    expect(resolved({ finetuneRecipe: { mode: "head" } }).finetuneRecipe).toMatchObject({ mode: "head" });
    expect(() => resolveSettings([file, { name: "the command line", values: { threshold: 0.5 } }])).toThrow(
      "the command line: threshold (0.5)",
    );
  });

  it("are taken in a recipe that is the whole one of another run", () => {
    const recipe = parseRecipe(recipeText(resolveRecipe([])), "recipe.yaml").values;
    expect(resolved({ teachRecipe: { base: "quick", ...recipe } }).teachRecipe).toMatchObject({ seed: 0 });
  });
});

describe("settings as text", () => {
  it("come back as they were", () => {
    const settings = resolved({
      labelled: ["photos", "more photos"],
      weak: "tags.tar",
      k: 12,
      pretrainRecipe: { base: "quick", images: 1000, scale: [0.5, 1] },
      sweep: { k: [1, 2] },
      variants: { "weak-teacher": { teacher: "resnet18" } },
    });
    const text = settingsText(settings, ["Of a run."]);
    expect(text).toMatch(/^# Of a run\.\nlabelled:\n/);
    expect(resolveSettings([parseSettings(text, "semi.yaml")])).toEqual(settings);
  });

  it.each([
    ["k: [1", "semi.yaml: is not YAML"],
    ["- k", "semi.yaml: expected settings by name"],
    ["", "semi.yaml: expected settings by name"],
  ])("refuse %j", (text, message) => {
    expect(() => parseSettings(text, "semi.yaml")).toThrow(message);
  });
});
