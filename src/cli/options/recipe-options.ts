import { z, type ZodType } from "zod";
import { parse } from "yaml";
import { recipeFields, recipeKeys, type Recipe, type RecipeGroup } from "../../train/recipe/index.ts";
import type { CliOption, OptionTable } from "./option.ts";

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
  return { flags: `${flagOf(key)} ${value}`, about, group: headings[group], schema: fromText(schema) };
}

function flagOf(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Reads a value as YAML does, and a list without its brackets too. */
function fromText(schema: ZodType): ZodType {
  return z
    .string()
    .transform((text, context) => {
      const attempts = [readYaml(text), readYaml(`[${text}]`)].map((value) => schema.safeParse(value));
      const read = attempts.find(({ success }) => success);
      if (read) return read.data;
      const { error } = attempts[text.includes(",") ? 1 : 0]!;
      context.addIssue(error!.issues[0]!.message);
      return z.NEVER;
    })
    .optional();
}

function readYaml(text: string): unknown {
  try {
    return parse(text);
  } catch {
    // A text that is no YAML, such as one with a colon, stands for itself.
    return text;
  }
}
