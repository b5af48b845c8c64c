import { parse, stringify, YAMLParseError } from "yaml";
import { UsageError } from "../../core/index.ts";

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
