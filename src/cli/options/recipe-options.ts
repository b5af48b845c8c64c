import { recipeFields, recipeKeys, type Recipe, type RecipeGroup } from "../../train/recipe/index.ts";
import type { OptionTable } from "./option.ts";
import { fieldOption, flagOf } from "./field-option.ts";

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
  recipeKeys.map((key) => [key, fieldOption(flagOf(key), recipeFields[key], headings)]),
) as OptionTable<RecipeFlags>;
