import { describe, expect, it } from "vitest";
import {
  builtInRecipes,
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
    expect(resolveRecipe([parseRecipe(text, "recipe.yaml")])).toEqual(recipe);
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
    ["- 1", 'expected values by name, such as "epochs: 30"'],
    ["a: [", "is not YAML"],
  ])("refuses the text %j", (text, message) => {
    expect(() => parseRecipe(text, "my.yaml")).toThrow(`my.yaml: ${message}`);
  });

  it("says of every value what it means", () => {
    for (const { about } of Object.values(recipeFields)) expect(about).toMatch(/^[a-zA-Z]/);
  });
});
