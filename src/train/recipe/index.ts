export {
  builtInRecipes,
  defaultRecipe,
  recipeNames,
  type BuiltInRecipe,
  type RecipeName,
} from "./built-in.ts";
export { recipeFields, recipeKeys, type RecipeFields, type RecipeGroup } from "./fields.ts";
export { fieldOf, type Field } from "./field.ts";
export { learningRateAt, type ScheduleOptions } from "./learning-rate.ts";
export type { Recipe } from "./recipe.ts";
export { parseRecipe, recipeText } from "./recipe-text.ts";
export { resolveRecipe, type RecipeLayer } from "./resolve-recipe.ts";
export { parseYamlValues, yamlValuesText, type NamedValues } from "./yaml-values.ts";
