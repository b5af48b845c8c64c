import { extname } from "node:path";
import { defaultRecipe, parseRecipe, recipeKeys, type RecipeLayer } from "../../train/recipe/index.ts";
import type { TrainOptions } from "../commands/train.ts";
import { readText } from "../read-text.ts";

/** The recipe that a command line asks for: a named one or a file, and above it the flags. */
export async function recipeLayers(options: TrainOptions): Promise<readonly RecipeLayer[]> {
  const flags: RecipeLayer = {
    name: "the command line",
    values: Object.fromEntries(
      recipeKeys.map((key) => [key, options[key]]).filter(([, value]) => value !== undefined),
    ),
  };
  return options.recipe === undefined ? [flags] : [await namedRecipe(options.recipe), flags];
}

async function namedRecipe(recipe: string): Promise<RecipeLayer> {
  if (![".yaml", ".yml"].includes(extname(recipe).toLowerCase())) {
    return { name: "--recipe", values: { base: recipe } };
  }
  const { name, values } = parseRecipe(await readText(recipe), recipe);
  return { name, values: { base: defaultRecipe, ...values } };
}
