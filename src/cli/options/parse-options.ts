import { UsageError } from "../../core/index.ts";
import { longFlag, type CliOption, type OptionTable } from "./option.ts";

/**
 * Checks what the command line gave against a table of options and fills in the defaults.
 *
 * @throws UsageError `usage/invalid-option` naming the option, what it accepts and what came.
 */
export function parseOptions<Values>(
  given: Readonly<Record<string, unknown>>,
  table: OptionTable<Values>,
): Values {
  const entries = Object.entries<CliOption<unknown>>(table).map(([name, option]) => {
    const flag = longFlag(option);
    const text = given[attribute(flag)] ?? (option.alias && given[attribute(option.alias)]);
    const result = option.schema.safeParse(text);
    if (result.success) return [name, result.data] as const;
    const [issue] = result.error.issues;
    throw new UsageError(
      "usage/invalid-option",
      text === undefined
        ? `${flag} is required.`
        : `${flag}: ${issue?.message ?? "not accepted"}; got ${JSON.stringify(text)}.`,
    );
  });
  return Object.fromEntries(entries) as Values;
}

/** The name under which commander keeps a flag: `--no-recursive` is `recursive`, `--input-size` `inputSize`. */
function attribute(flag: string): string {
  return flag
    .replace(/^--(no-)?/, "")
    .replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
