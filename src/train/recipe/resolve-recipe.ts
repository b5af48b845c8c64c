import { parse, stringify, YAMLParseError } from "yaml";
import * as z from "zod";
import { expectation, nearestNames, problemLines, UsageError } from "../../core/index.ts";
import { effectiveRecipe, recipeEffects, refuseFlat, refuseIdle, type AskedValue } from "./effects.ts";
import { recipeFields, recipeKeys, type Recipe } from "./fields.ts";
import { builtInRecipes, defaultRecipe, recipeNames, type RecipeName } from "./recipe.ts";

/** Values of a recipe that were given in one place. */
export interface RecipeLayer extends NamedValues {
  /**
   * Whether it is a recipe of its own, whose values nobody asks for one by one, as those of a built-in one.
   *
   * @default whether it gives all that a training by steps cannot do without, as the `recipe.yaml` of a run does
   */
  readonly isWhole?: boolean | undefined;
}

/** What becomes of values that have no effect beside the others. */
export interface ResolveOptions {
  /** `refused`: those that were asked for are an error. `kept`: they stand in the recipe. @default "refused" */
  readonly idle?: "refused" | "kept" | undefined;
}

const schema = z.strictObject(
  Object.fromEntries(recipeKeys.map((key) => [key, recipeFields[key].schema])),
) as unknown as z.ZodType<Recipe>;

/**
 * Completes and checks a recipe.
 *
 * @param layers Each wins over those before it; a length in `images` replaces one in `epochs`, and the other way
 *   round. A layer may name a built-in recipe as its `base`.
 * @throws UsageError `train/recipe` for an unknown key or recipe, with the nearest names, and for values that are
 *   not accepted, each with the reason; `train/no-effect` for values that were asked for and have no effect beside the
 *   others.
 */
export function resolveRecipe(
  layers: readonly RecipeLayer[],
  { idle = "refused" }: ResolveOptions = {},
): Recipe {
  const recipe = completed(layers);
  if (idle === "kept") return recipe;
  for (const layer of layers) {
    // One with every value is of an earlier version, or what a run resolved; others hold what has an effect in them.
    if (!isWhole(layer) || layer.isWhole || hasAll(layer.values, recipeKeys)) continue;
    refuseIdle("train/no-effect", valuesOf(layer), recipeEffects, completed([layer]));
  }
  const asked = askedOf(layers);
  refuseIdle("train/no-effect", [...asked.values()], recipeEffects, recipe);
  refuseFlat(asked.get("schedule"), recipe);
  return recipe;
}

/** The values that layers ask for one by one, by name: those of whole recipes, and the built-in ones, are not. */
export function askedOf(layers: readonly RecipeLayer[]): ReadonlyMap<keyof Recipe, AskedValue<keyof Recipe>> {
  const asked = new Map<keyof Recipe, AskedValue<keyof Recipe>>();
  for (const layer of layers) {
    for (const value of valuesOf(layer)) {
      if (isWhole(layer)) asked.delete(value.name);
      else asked.set(value.name, value);
    }
  }
  return asked;
}

const valuesOf = ({ name: by, values }: RecipeLayer): readonly AskedValue<keyof Recipe>[] =>
  recipeKeys.flatMap((name) => (values[name] === undefined ? [] : [{ name, value: values[name], by }]));

/** What a training by steps cannot do without, and every record of one has. */
const wholeKeys = [
  "mode",
  "epochs",
  "images",
  "batchSize",
  "learningRate",
  "schedule",
  "optimizer",
  "crop",
  "autoAugment",
] as const satisfies readonly (keyof Recipe)[];

const isWhole = ({ values, isWhole: said }: RecipeLayer): boolean => said ?? hasAll(values, wholeKeys);

const hasAll = (values: RecipeLayer["values"], keys: readonly string[]): boolean =>
  keys.every((key) => values[key] !== undefined);

/** Values of which a mode takes no built-in recipe's, since they are made for trainings by steps. */
const ofMode: { readonly [M in Recipe["mode"]]?: Partial<Recipe> } = { head: { smoothing: 0 } };

function completed(layers: readonly RecipeLayer[]): Recipe {
  const base = layers.map(({ values }) => values["base"]).findLast((name) => name !== undefined);
  const start = builtIn(base ?? defaultRecipe);
  const merged = layers.reduce<Readonly<Record<string, unknown>>>(merge, start.values);
  const names = layers.map(({ name }) => name).join(", ") || "the recipe";
  const result = schema.safeParse(merged, { error: expectation });
  if (!result.success) {
    throw invalid(`${names}: correct these values of the recipe:\n${problemLines(result.error, merged)}`);
  }
  checkTogether(result.data, names);
  const asked = askedOf(layers);
  const own = Object.entries(ofMode[result.data.mode] ?? {}).filter(
    ([key]) => !asked.has(key as keyof Recipe),
  );
  return { ...result.data, ...Object.fromEntries(own) };
}

function builtIn(name: unknown): { readonly values: Readonly<Record<string, unknown>> } {
  if (typeof name === "string" && Object.hasOwn(builtInRecipes, name)) {
    const { values } = builtInRecipes[name as RecipeName];
    return { values };
  }
  throw invalid(
    `There is no recipe ${JSON.stringify(name)}: the built-in ones are ${recipeNames.join(", ")}; a file ends in .yaml.`,
  );
}

function merge(
  below: Readonly<Record<string, unknown>>,
  { name, values }: RecipeLayer,
): Readonly<Record<string, unknown>> {
  const { base: _, ...given } = values;
  for (const key of Object.keys(given)) checkKey(key, name);
  const set = (key: string): boolean => given[key] !== undefined && given[key] !== null;
  if (set("epochs") && set("images")) {
    throw invalid(`${name}: gives the length both in epochs and in images; give one of them.`);
  }
  return {
    ...below,
    ...(set("epochs") ? { images: null } : set("images") ? { epochs: null } : {}),
    ...given,
  };
}

function checkKey(key: string, name: string): void {
  if (Object.hasOwn(recipeFields, key)) return;
  const [nearest] = nearestNames(key, recipeKeys);
  throw invalid(`${name}: a recipe has no "${key}". Did you mean ${nearest}?`);
}

function checkTogether({ mode, epochs, images, batchSize, microBatch }: Recipe, names: string): void {
  if (mode === "head") return;
  if (epochs === null && images === null) {
    throw invalid(`${names}: has no length; give epochs or images.`);
  }
  if (microBatch !== null && batchSize % microBatch !== 0) {
    throw invalid(
      `${names}: microBatch (${microBatch}) must divide batchSize (${batchSize}), whose images it takes in parts.`,
    );
  }
}

function invalid(message: string): UsageError {
  return new UsageError("train/recipe", message);
}

/**
 * Reads a recipe in YAML: a map of values by name, and `base` for the built-in recipe that they change.
 *
 * @param name What messages call the text, such as its file.
 * @throws UsageError `train/recipe` when it is not such a map.
 */
export function parseRecipe(text: string, name: string): RecipeLayer {
  return parseYamlValues(text, name, { code: "train/recipe", what: "values", example: "epochs: 30" });
}

/** What has an effect in a recipe, in YAML, which {@link parseRecipe} reads again to the same effect. */
export function recipeText(recipe: Recipe, comment?: readonly string[]): string {
  return yamlValuesText(effectiveRecipe(recipe), comment);
}

/** Values by name that were given in one place, and the name of that place for messages. */
export interface NamedValues {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Reads a map of values by name in YAML; `<<: *anchor` takes the values of another map.
 *
 * @param name What messages call the text, such as its file.
 * @param kind Code of the error, what the values are called, and an example of them.
 * @throws UsageError when it is not such a map.
 */
export function parseYamlValues(
  text: string,
  name: string,
  { code, what, example }: { readonly code: string; readonly what: string; readonly example: string },
): NamedValues {
  let values: unknown;
  try {
    values = parse(text, { merge: true });
  } catch (cause) {
    if (!(cause instanceof YAMLParseError)) throw cause;
    throw new UsageError(code, `${name}: is not YAML: ${cause.message}`, { cause });
  }
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new UsageError(code, `${name}: expected ${what} by name, such as "${example}".`);
  }
  return { name, values: values as NamedValues["values"] };
}

/** Values in YAML, which {@link parseYamlValues} reads again, below lines of comment. */
export function yamlValuesText(values: object, comment: readonly string[] = []): string {
  return comment.map((line) => `# ${line}\n`).join("") + stringify(values);
}
