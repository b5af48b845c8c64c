import { describe, expect, it } from "vitest";
import {
  builtInRecipes,
  recipeFields,
  recipeKeys,
  recipeNames,
  resolveRecipe,
  type Recipe,
} from "../../src/train/index.ts";
import { docTableRows } from "../support/doc-table-rows.ts";

const rows = docTableRows("training.md");
const recipes = recipeNames.map((base) => resolveRecipe([{ name: "docs", values: { base } }]));
const shown = (value: Recipe[keyof Recipe]): string =>
  value === null ? "–" : Array.isArray(value) ? value.join(", ") || "none" : `${value as number}`;

describe("docs/training.md", () => {
  it.each(recipeNames)("says what %s is for", (name) => {
    expect(rows).toContain(`\`${name}\` | ${builtInRecipes[name].about}`);
  });

  it.each(recipeKeys)("says what %s means, and its value in each recipe", (key) => {
    const values = recipes.map((recipe) => shown(recipe[key]));
    expect(rows).toContain([`\`${key}\``, recipeFields[key].about, ...values].join(" | "));
  });
});
