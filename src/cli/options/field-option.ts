import { parse } from "yaml";
import * as z from "zod";
import type { ZodType } from "zod";
import { expectation } from "../../core/index.ts";
import type { Field } from "../../train/recipe/fields.ts";
import type { CliOption } from "./command.ts";

/**
 * Reads a value as YAML does, a list without its brackets too, or else as the text that it is; a flag without one is true, and
 * several values are a list of what each of them is.
 */
function yamlText(schema: ZodType): ZodType {
  return z
    .union([z.string(), z.literal(true).transform(String), z.array(z.string())])
    .transform((given, context) => {
      const texts = [given].flat();
      const [text = ""] = texts;
      const values =
        texts.length > 1 ? [texts.flatMap(pathsIn)] : [readYaml(text), readYaml(`[${text}]`), text];
      const attempts = values.map((value) => schema.safeParse(value, { error: expectation }));
      const read = attempts.find(({ success }) => success);
      if (read) return read.data;
      const { error } = attempts[text.includes(",") && texts.length === 1 ? 1 : 0]!;
      context.addIssue(error!.issues[0]!.message);
      return z.NEVER;
    })
    .optional();
}

/** One of several values: a list of YAML, or a text that stands for itself. */
function pathsIn(text: string): readonly unknown[] {
  const value = readYaml(text);
  return Array.isArray(value) ? value : [text];
}

function readYaml(text: string): unknown {
  try {
    return parse(text);
  } catch {
    // A text that is no YAML, such as one with a colon, stands for itself.
    return text;
  }
}

/** The option that gives a field; its value is read as YAML. */
export function fieldOption<Group extends string>(
  flags: string,
  { schema, about, value, group }: Field<unknown, Group>,
  headings: { readonly [G in Group]: string },
): CliOption<unknown> {
  return { flags: `${flags} ${value}`, about, group: headings[group], schema: yamlText(schema) };
}

/** Those of the values that were given. */
export function givenValues<Name extends string>(
  options: { readonly [N in Name]?: unknown },
  names: readonly Name[],
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    names.map((name) => [name, options[name]]).filter(([, value]) => value !== undefined),
  );
}

/** The long flag of a value: `--batch-size` for `batchSize`. */
export function flagOf(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
