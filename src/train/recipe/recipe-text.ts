import { parse, stringify, YAMLParseError } from "yaml";
import { UsageError } from "../../core/index.ts";
import type { Recipe } from "./recipe.ts";
import type { RecipeLayer } from "./resolve-recipe.ts";

/**
 * Reads a recipe in YAML: a map of values by name, and `base` for the built-in recipe that they change.
 *
 * @param name What messages call the text, such as its file.
 * @throws UsageError `train/recipe` when it is not such a map.
 */
export function parseRecipe(text: string, name: string): RecipeLayer {
  const values = parseYaml(text, name);
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new UsageError("train/recipe", `${name}: expected values by name, such as "epochs: 30".`);
  }
  return { name, values: values as Readonly<Record<string, unknown>> };
}

/** A whole recipe in YAML, which {@link parseRecipe} reads again. */
export function recipeText(recipe: Recipe, comment: readonly string[] = []): string {
  return comment.map((line) => `# ${line}\n`).join("") + stringify(recipe);
}

function parseYaml(text: string, name: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof YAMLParseError)) throw cause;
    throw new UsageError("train/recipe", `${name}: is not YAML: ${cause.message}`, { cause });
  }
}
