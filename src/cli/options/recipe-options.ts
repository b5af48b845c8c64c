import { recipeFields, recipeKeys, type Recipe, type RecipeGroup } from "../../train/recipe/index.ts";
import type { CliOption, OptionTable } from "./option.ts";
import { flagOf, yamlText } from "./yaml-text.ts";

/** Values of a recipe that the command line gives. */
export type RecipeFlags = { readonly [K in keyof Recipe]: Recipe[K] | undefined };

const headings: { readonly [G in RecipeGroup]: string } = {
  run: "Recipe, what is trained and for how long (each value wins over --recipe):",
  schedule: "Recipe, learning rate:",
  optimiser: "Recipe, optimiser and network:",
  augmentation: "Recipe, images (names and meanings are timm's):",
  keeping: "Recipe, validation and checkpoints:",
};

/** A flag for every value of a recipe. */
export const recipeOptions: OptionTable<RecipeFlags> = Object.fromEntries(
  recipeKeys.map((key) => [key, optionOf(key)]),
) as OptionTable<RecipeFlags>;

function optionOf(key: keyof Recipe): CliOption<unknown> {
  const { schema, about, value, group } = recipeFields[key];
  return { flags: `${flagOf(key)} ${value}`, about, group: headings[group], schema: yamlText(schema) };
}
