import type { Recipe } from "./recipe.ts";
import type { RecipeLayer } from "./resolve-recipe.ts";
import { parseYamlValues, yamlValuesText } from "./yaml-values.ts";

/**
 * Reads a recipe in YAML: a map of values by name, and `base` for the built-in recipe that they change.
 *
 * @param name What messages call the text, such as its file.
 * @throws UsageError `train/recipe` when it is not such a map.
 */
export function parseRecipe(text: string, name: string): RecipeLayer {
  return parseYamlValues(text, name, { code: "train/recipe", what: "values", example: "epochs: 30" });
}

/** A whole recipe in YAML, which {@link parseRecipe} reads again. */
export function recipeText(recipe: Recipe, comment?: readonly string[]): string {
  return yamlValuesText(recipe, comment);
}
