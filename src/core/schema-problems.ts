import type { $ZodError, $ZodErrorMap, $ZodRawIssue } from "zod/v4/core";

const kinds: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  boolean: "true or false",
  string: "some text",
  array: "a list",
  tuple: "a list",
  object: "values by name",
  record: "values by name",
};

/** What a schema expects, in the words of all options; what says it in words of its own keeps them. */
export const expectation: $ZodErrorMap = (issue) => expected(issue);

function expected(issue: $ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${kinds[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `expected ${issue.values.length > 1 ? "one of " : ""}${issue.values.map(String).join(", ")}`;
    case "too_small":
      return bounded(issue.origin, issue.minimum, issue.inclusive === false ? "above" : "at least");
    case "too_big":
      return bounded(issue.origin, issue.maximum, issue.inclusive === false ? "below" : "at most");
    case "unrecognized_keys":
      return `does not know ${issue.keys.join(", ")}`;
    case "invalid_union": {
      const all = issue.errors.flatMap(([first]) => first?.message ?? []);
      return [...new Set(all)].join(", or ") || undefined;
    }
    case "custom":
    case "invalid_element":
    case "invalid_format":
    case "invalid_key":
    case "not_multiple_of":
      break;
  }
  return undefined;
}

function bounded(origin: string, bound: number | bigint, how: string): string {
  if (origin === "string" && how === "at least") return "expected some text";
  const things: Readonly<Record<string, string>> = { string: " letters", array: " values" };
  return `expected ${how} ${bound}${things[origin] ?? ""}`;
}

/** Letters of a value that a message repeats; of longer ones the name tells enough. */
const longestShown = 80;

/** A line for each value that a schema does not accept: `epochs: expected at least 1, got 0`. @param given What it was asked about */
export function problemLines(error: Pick<$ZodError, "issues">, given: unknown): string {
  return error.issues
    .map(({ path, message }) => {
      const value = path.reduce<unknown>(
        (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
        given,
      );
      const shown = JSON.stringify(value) as string | undefined;
      const got = shown === undefined || shown.length > longestShown ? "" : `, got ${shown}`;
      return `  ${path.length > 0 ? `${path.join(".")}: ` : ""}${message}${got}`;
    })
    .join("\n");
}
