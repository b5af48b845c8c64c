import * as z from "zod";
import { nearestNames, UsageError } from "../../core/index.ts";
import { parseYamlValues, resolveRecipe, yamlValuesText, type NamedValues } from "../../train/index.ts";
import { semiFields, semiKeys, type RecipeChoice, type SemiSettings } from "./settings.ts";

/** Settings that were given in one place. */
export type SettingsLayer = NamedValues;

const schema = z.strictObject(
  Object.fromEntries(semiKeys.map((key) => [key, semiFields[key].schema])),
) as unknown as z.ZodType<SemiSettings>;

/**
 * Completes and checks the settings of a run.
 *
 * @param layers Each wins over those before it. A recipe without a `base` changes values of the one before it, any other
 *   takes its place.
 * @throws UsageError `semi/settings` for an unknown name, with the nearest one, and for values that are not accepted;
 *   `train/recipe` for a recipe that is not.
 */
export function resolveSettings(layers: readonly SettingsLayer[]): SemiSettings {
  for (const { name, values } of layers) for (const key of Object.keys(values)) checkKey(key, name);
  const merged: Record<string, unknown> = {};
  for (const [key, value] of layers.flatMap(({ values }) => Object.entries(values))) {
    if (value !== undefined) merged[key] = isChange(key, value) ? changed(key, merged[key], value) : value;
  }
  const names = layers.map(({ name }) => name).join(", ") || "the settings";
  const result = schema.safeParse(merged);
  if (!result.success) throw invalid(`${names}: correct these settings:\n${z.prettifyError(result.error)}`);
  for (const key of recipeSettings) {
    const choice = result.data[key];
    if (choice) resolveRecipe([{ name: key, values: choice }]);
  }
  checkMethodRecipes(result.data);
  return result.data;
}

/** Refuses what only other settings decide. */
function checkMethodRecipes({ adaptRecipe, tuneRecipe }: SemiSettings): void {
  if ((adaptRecipe["epochs"] ?? adaptRecipe["images"] ?? null) !== null) {
    throw invalid("adaptRecipe: gives a length; say how many epochs in adaptEpochs (--adapt-epochs).");
  }
  const adapted = resolveRecipe([{ name: "adaptRecipe", values: adaptRecipe }]).mode;
  if (adapted !== "adapt") {
    throw invalid(`adaptRecipe: expected mode adapt, received ${adapted}; begin with base: adapt.`);
  }
  const { mode } = resolveRecipe([{ name: "tuneRecipe", values: tuneRecipe }]);
  if (mode === "head" || mode === "adapt") {
    throw invalid(`tuneRecipe: expected mode full or last-stages, received ${mode}.`);
  }
}

const recipeSettings = [
  "adaptRecipe",
  "tuneRecipe",
  "teachRecipe",
  "weakRecipe",
  "pretrainRecipe",
  "finetuneRecipe",
  "supervisedRecipe",
] as const satisfies readonly {
  [K in keyof SemiSettings]: SemiSettings[K] extends RecipeChoice | null ? K : never;
}[keyof SemiSettings][];

/** Whether a value changes a recipe rather than replaces it. */
const isChange = (key: string, value: unknown): value is RecipeChoice =>
  (recipeSettings as readonly string[]).includes(key) &&
  typeof value === "object" &&
  value !== null &&
  !Object.hasOwn(value, "base");

/** A recipe, or the usual one, with other values; a length in images replaces one in epochs, and the other way round. */
function changed(key: string, before: unknown, change: RecipeChoice): unknown {
  const recipe = semiFields[key as keyof SemiSettings].schema.safeParse(before);
  if (!recipe.success) return change;
  const values = (recipe.data ?? {}) as RecipeChoice;
  const { epochs: _, images: __, ...open } = values;
  const hasLength = (change["epochs"] ?? change["images"] ?? null) !== null;
  return { ...(hasLength ? open : values), ...change };
}

function checkKey(key: string, name: string): void {
  if (Object.hasOwn(semiFields, key)) return;
  const [nearest] = nearestNames(key, semiKeys);
  throw invalid(`${name}: there is no setting "${key}". Did you mean ${nearest}?`);
}

/**
 * Reads settings in YAML: a map by name.
 *
 * @param name What messages call the text, such as its file.
 * @throws UsageError `semi/settings` when it is not such a map.
 */
export function parseSettings(text: string, name: string): SettingsLayer {
  return parseYamlValues(text, name, {
    code: "semi/settings",
    what: "settings",
    example: "labelled: photos",
  });
}

/** Complete settings in YAML, which {@link parseSettings} reads again. */
export function settingsText(settings: SemiSettings, comment?: readonly string[]): string {
  return yamlValuesText(settings, comment);
}

function invalid(message: string): UsageError {
  return new UsageError("semi/settings", message);
}
