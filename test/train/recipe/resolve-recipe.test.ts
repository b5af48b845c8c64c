import { describe, expect, it } from "vitest";
import {
  builtInRecipes,
  effectiveRecipe,
  parseRecipe,
  recipeFields,
  recipeNames,
  recipeText,
  resolveRecipe,
  type RecipeLayer,
} from "../../../src/train/index.ts";

const layer = (values: Readonly<Record<string, unknown>>, name = "my.yaml"): RecipeLayer => ({
  name,
  values,
});

describe("a recipe", () => {
  it.each(recipeNames)("%s survives being written and read", (base) => {
    const recipe = resolveRecipe([layer({ base })]);
    expect(recipe).toMatchObject(builtInRecipes[base].values);
    const text = recipeText(recipe, ["a comment"]);
    expect(text).toMatch(/^# a comment\nseed: 0\n/);
    const again = resolveRecipe([parseRecipe(text, "recipe.yaml")]);
    expect(effectiveRecipe(again)).toEqual(effectiveRecipe(recipe));
  });

  it("reads a recipe that was written before these values were known", () => {
    const recipe = resolveRecipe([layer({ base: "quick" })]);
    const later = /^(colorJitterProb|grayscaleProb|gaussianBlurProb|augmentProb): .*\n/gm;
    const text = recipeText(recipe);
    expect(text.match(later)).toHaveLength(4);
    expect(resolveRecipe([parseRecipe(text.replace(later, ""), "recipe.yaml")])).toEqual(recipe);
  });

  it("lets each layer win over those before it", () => {
    const recipe = resolveRecipe([
      layer({ base: "supervised", batchSize: 128, momentum: 0.8 }),
      layer({ batchSize: 64 }, "the command line"),
    ]);
    expect(recipe).toMatchObject({ epochs: 90, schedule: "step", batchSize: 64, momentum: 0.8 });
  });

  it("has one length: the one that was given last", () => {
    expect(resolveRecipe([layer({ base: "quick", images: 5000 })])).toMatchObject({
      epochs: null,
      images: 5000,
    });
    expect(resolveRecipe([layer({ base: "paper-pretrain" }), layer({ epochs: 3 })])).toMatchObject({
      epochs: 3,
      images: null,
    });
  });

  it.each([
    [{ learningrate: 0.1 }, 'my.yaml: a recipe has no "learningrate". Did you mean learningRate?'],
    [{ lableSmoothing: 0.1 }, "Did you mean smoothing?"],
    [{ base: "card" }, 'There is no recipe "card": the built-in ones are card-finetune, paper-pretrain'],
    [{ momentum: 1 }, "momentum"],
    [{ epochs: "many" }, "epochs"],
    [{ autoAugment: "rand-x3" }, "autoAugment"],
    [{ epochs: 3, images: 100 }, "gives the length both in epochs and in images"],
    [{ epochs: null }, "has no length; give epochs or images"],
    [{ batchSize: 32, microBatch: 12 }, "microBatch (12) must divide batchSize (32)"],
  ])("refuses %j", (values, message) => {
    const resolve = (): unknown => resolveRecipe([layer(values)]);
    expect(resolve).toThrow(message);
    expect(resolve).toThrow(expect.objectContaining({ code: "train/recipe" }));
  });

  it.each([
    [{ momentum: 0.5, optimizer: "adamw" }, "my.yaml: momentum (0.5): no effect with optimizer adamw"],
    [{ milestones: [0.5] }, "milestones ([0.5]): no effect but with schedule multistep; leave it out"],
    [
      { schedule: "multistep" },
      'schedule ("multistep"): no effect without drops of the rate; give milestones',
    ],
    [{ schedule: "step", drops: 0 }, "no effect without drops of the rate; give drops"],
    [
      { schedule: "step", drops: 0, dropFactor: 0.5 },
      "dropFactor (0.5): no effect but with schedule step and",
    ],
    [{ mode: "head", validationShare: 0.2 }, "validationShare (0.2): no effect in modes head and adapt"],
    [{ base: "adapt", smoothing: 0.1, mixup: 0.2 }, "mixup (0.2), smoothing (0.1): no effect in mode adapt"],
    [{ base: "adapt", sampler: "class-balanced" }, "no effect in mode adapt, which looks at no labels"],
    [{ temperature: 0.5 }, "temperature (0.5): no effect but in mode adapt"],
    [{ augmentProb: 0, reProb: 0.5 }, "reProb (0.5): no effect with augmentProb 0"],
    [{ colorJitter: null, colorJitterProb: 0.5 }, "colorJitterProb (0.5): no effect without colorJitter"],
    [
      { colorJitter: null, augmentProb: 0.5 },
      "augmentProb (0.5): no effect without colorJitter, autoAugment",
    ],
    [{ colorJitter: 0.2, autoAugment: "rand-m9" }, "colorJitter (0.2): no effect with autoAugment"],
    [
      { mode: "head", epochs: 3, weightDecay: 0, sampler: "sequential" },
      "epochs (3), weightDecay (0): no effect in mode head, which embeds every image once",
    ],
    [
      { mode: "head", sampler: "sequential" },
      'sampler ("sequential"): no effect in mode head, which looks at all',
    ],
  ])("refuses %j, which would have no effect", (values, message) => {
    const resolve = (): unknown => resolveRecipe([layer(values)]);
    expect(resolve).toThrow(message);
    expect(resolve).toThrow(expect.objectContaining({ code: "train/no-effect" }));
  });

  it("lets a value ask for what happens anyway", () => {
    const values = { autoAugment: "rand-m9", colorJitter: null, drops: 0, reProb: 0 };
    expect(resolveRecipe([layer(values)])).toMatchObject(values);
    const off = { mode: "head", mixup: 0, emaDecay: null, hflip: 0, smoothing: 0 };
    expect(resolveRecipe([layer(off)])).toMatchObject(off);
  });

  it("asks for nothing by what stands in a built-in recipe, or in that of another run", () => {
    const flag = layer({ mode: "head" }, "the command line");
    expect(effectiveRecipe(resolveRecipe([layer({ base: "card-finetune" }), flag]))).toMatchObject({
      mode: "head",
      smoothing: 0,
    });
    const run = resolveRecipe([layer({ base: "card-finetune", momentum: 0.8, smoothing: 0.2 })]);
    const written = parseRecipe(recipeText(run), "run/recipe.yaml");
    expect(resolveRecipe([written, flag])).toMatchObject({ mode: "head", smoothing: 0 });
    expect(resolveRecipe([written, layer({ optimizer: "adamw" })])).toMatchObject({ optimizer: "adamw" });
    // Earlier versions wrote all values, whether or not they had an effect.
    const earlier = layer({ ...run, mode: "head", optimizer: "adamw" }, "run/recipe.yaml");
    expect(resolveRecipe([earlier])).toMatchObject({ mode: "head", momentum: 0.8 });
  });

  it("refuses what was added in vain to the recipe of another run", () => {
    const run = recipeText(resolveRecipe([layer({ base: "supervised", optimizer: "adamw" })]));
    expect(run).not.toContain("momentum");
    const changed = parseRecipe(`${run}momentum: 0.5\n`, "run/recipe.yaml");
    expect(() => resolveRecipe([changed])).toThrow(
      "run/recipe.yaml: momentum (0.5): no effect with optimizer",
    );
  });

  it("writes down what has an effect only", () => {
    const text = recipeText(resolveRecipe([layer({ base: "quick", mode: "head", smoothing: 0.1 })]));
    expect(text).toBe(
      "seed: 0\nmode: head\nsampler: shuffled\nexif: true\ninputSize: null\nsmoothing: 0.1\nonBrokenImage: skip\n",
    );
    expect(recipeText(resolveRecipe([parseRecipe(text, "recipe.yaml")]))).toBe(text);
  });

  it.each([
    ["- 1", 'expected values by name, such as "epochs: 30"'],
    ["a: [", "is not YAML"],
  ])("refuses the text %j", (text, message) => {
    expect(() => parseRecipe(text, "my.yaml")).toThrow(`my.yaml: ${message}`);
  });

  it("says of every value what it means", () => {
    for (const { about } of Object.values(recipeFields)) expect(about).toMatch(/^[a-zA-Z]/);
  });
});
