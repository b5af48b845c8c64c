import * as z from "zod";
import { expectation, nearestNames, problemLines, UsageError } from "../../core/index.ts";
import {
  askedOf,
  idleSince,
  parseYamlValues,
  refuseIdle,
  resolveRecipe,
  yamlValuesText,
  type AskedValue,
  type NamedValues,
  type RecipeLayer,
} from "../../train/index.ts";
import { adaptSettings, semiEffects } from "./effects.ts";
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
 *   `train/recipe` for a recipe that is not; `semi/no-effect` and `train/no-effect` for what was asked for and has no
 *   effect beside the others, in no variant either. Nobody asks one by one for the settings of a layer that has all, as
 *   the `semi.yaml` of a run has.
 */
export function resolveSettings(
  layers: readonly SettingsLayer[],
  { isVariant = false }: { readonly isVariant?: boolean } = {},
): SemiSettings {
  for (const { name, values } of layers) for (const key of Object.keys(values)) checkKey(key, name);
  const merged: Record<string, unknown> = {};
  for (const [key, value] of layers.flatMap(({ values }) => Object.entries(values))) {
    if (value !== undefined) merged[key] = isChange(key, value) ? changed(key, merged[key], value) : value;
  }
  const names = layers.map(({ name }) => name).join(", ") || "the settings";
  const result = schema.safeParse(merged, { error: expectation });
  if (!result.success)
    throw invalid(`${names}: correct these settings:\n${problemLines(result.error, merged)}`);
  for (const key of recipeSettings) checkRecipe(key, layers);
  checkMethods(result.data);
  refuseUnused(layers, result.data, { isVariant });
  return result.data;
}

/**
 * Refuses what layers ask for and has no effect in the settings that come of them, nor in their variants.
 *
 * @param chosen The settings with the method and the mode that were chosen, where they are.
 * @throws UsageError `semi/no-effect`
 */
export function refuseUnused(
  layers: readonly SettingsLayer[],
  settings: SemiSettings,
  { isVariant, chosen = settings }: { readonly isVariant: boolean; readonly chosen?: SemiSettings },
): void {
  const { sweep, variants } = settings;
  const changes = isVariant
    ? []
    : [
        ...Object.values(variants),
        ...Object.entries(sweep).flatMap(([key, values]) => values.map((value) => ({ [key]: value }))),
      ];
  const isUsed = (name: keyof SemiSettings): boolean =>
    // They weigh in what is chosen.
    (settings.method === "auto" && chosen.method !== "paper" && adaptSettings.includes(name)) ||
    (settings.mode === "auto" &&
      (chosen.method === "adapt" || chosen.method === "labels") &&
      name === "tuneMinutes") ||
    changes.some((change) => idleSince(semiEffects, name, { ...settings, ...change }) === undefined);
  const asked = askedOfSettings(layers).filter(({ name }) => !isUsed(name));
  refuseIdle("semi/no-effect", asked, semiEffects, chosen);
}

/** Refuses what only other settings decide. */
function checkMethods({ method, mode, adaptRecipe, tuneRecipe }: SemiSettings): void {
  if (method === "joint" && mode === "head") {
    throw invalid(
      "mode head: method joint trains the whole network on labelled and selected images; a classifier alone gains nothing from labels of its own. Leave the mode out, or take method labels or adapt.",
    );
  }
  const modeOf = (values: RecipeChoice): string =>
    resolveRecipe([{ name: "the recipe", values }], { idle: "kept" }).mode;
  if ((adaptRecipe["epochs"] ?? adaptRecipe["images"] ?? null) !== null) {
    throw invalid("adaptRecipe: gives a length; say how many epochs in adaptEpochs (--adapt-epochs).");
  }
  if (modeOf(adaptRecipe) !== "adapt") {
    throw invalid(
      `adaptRecipe: expected mode adapt, received ${modeOf(adaptRecipe)}; begin with base: adapt.`,
    );
  }
  const tuned = modeOf(tuneRecipe);
  if (tuned === "head" || tuned === "adapt") {
    throw invalid(`tuneRecipe: expected mode full or last-stages, received ${tuned}.`);
  }
}

/** What says which others have an effect, and stands in every record of settings. */
const wholeKeys = [
  "labelled",
  "unlabelled",
  "validation",
  "teach",
  "ranking",
  "student",
  "baseline",
  "rounds",
  "seeds",
] as const satisfies readonly (keyof SemiSettings)[];

const isWhole = ({ values }: SettingsLayer): boolean => wholeKeys.every((key) => values[key] !== undefined);

/** What layers ask for one by one; the last of those that give a setting asks for it. */
function askedOfSettings(layers: readonly SettingsLayer[]): readonly AskedValue<keyof SemiSettings>[] {
  const asked = new Map<keyof SemiSettings, AskedValue<keyof SemiSettings>>();
  for (const layer of layers) {
    for (const name of semiKeys) {
      const value = layer.values[name];
      if (value === undefined) continue;
      if (isWhole(layer)) asked.delete(name);
      else asked.set(name, { name, value, by: layer.name });
    }
  }
  return [...asked.values()];
}

/**
 * Checks the recipe that layers make together.
 *
 * @throws UsageError `train/recipe`, `train/no-effect`; `semi/no-effect` for what the run decides for all recipes.
 */
function checkRecipe(key: (typeof recipeSettings)[number], layers: readonly SettingsLayer[]): void {
  const { schema: choice } = semiFields[key];
  const usual = choice.parse(undefined);
  let recipes: RecipeLayer[] = usual ? [{ name: key, values: usual, isWhole: true }] : [];
  for (const layer of layers) {
    const value = layer.values[key];
    if (value === undefined) continue;
    const values = choice.parse(value) ?? {};
    const recipe = { name: `${layer.name}: ${key}`, values, isWhole: isWhole(layer) || undefined };
    recipes = isChange(key, value) ? [...recipes, recipe] : [recipe];
  }
  resolveRecipe(recipes);
  const asked = askedOf(recipes);
  const decided = key === "supervisedRecipe" ? { ...decidedByRun, ...decidedByStudent } : decidedByRun;
  for (const [name, instead] of Object.entries(decided)) {
    const { value = null, by } = asked.get(name as keyof typeof decided) ?? {};
    if (value === null) continue;
    throw new UsageError(
      "semi/no-effect",
      `${by}: ${name} (${JSON.stringify(value)}): no effect in this recipe; leave it out, or ${instead}.`,
    );
  }
}

/** What no recipe of a run has a say in, and what to do instead. */
const decidedByRun = {
  seed: "give the seed of the run (seed, --seed)",
  exif: "give that of the run (exif, --exif)",
  patience: "shorten the recipe: the stages of a run are compared at the lengths that they plan",
  validationShare: "give the share of the run (validationShare, --validation-share)",
};

const asLong = "change the recipes that it is as long as (pretrainRecipe, finetuneRecipe)";
const decidedByStudent = { epochs: asLong, images: asLong };

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
  !Array.isArray(value) &&
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
