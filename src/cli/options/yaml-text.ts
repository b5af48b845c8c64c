import { parse } from "yaml";
import { z, type ZodType } from "zod";

/** Reads a value as YAML does, a list without its brackets too, or else as the text that it is. */
export function yamlText(schema: ZodType): ZodType {
  return z
    .string()
    .transform((text, context) => {
      const attempts = [readYaml(text), readYaml(`[${text}]`), text].map((value) => schema.safeParse(value));
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

/** The long flag of a value: `--batch-size` for `batchSize`. */
export function flagOf(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
