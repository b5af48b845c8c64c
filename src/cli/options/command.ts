import { Option, type Command } from "commander";
import type { z, ZodType } from "zod";
import { expectation, UsageError } from "../../core/index.ts";
import type { Terminal } from "../output/terminal.ts";

/** How a command ended: everything worked, or something failed that was reported already. */
export type Outcome = "ok" | "failed";

/** What one command takes and does. */
export interface CommandDefinition {
  /** Arguments as commander reads them: `<images...>`; each with what it means. */
  readonly operands: Readonly<Record<string, string>>;
  readonly options: OptionTable;
  /** Command lines without the name of the program, each with what it is for. */
  readonly examples: readonly (readonly [line: string, about: string])[];
}

/** Does what a command is for. */
export type Run<Values> = (
  operands: readonly string[],
  options: Values,
  terminal: Terminal,
) => Promise<Outcome>;

/** A definition, ready to be hung into the program. */
export interface LoadedCommand {
  attach(command: Command, terminal: Terminal, finish: (outcome: Outcome) => void): void;
}

/** Makes a command of its definition; `load` gives what runs it, once the options are known to be right. */
export function defineCommand<Definition extends CommandDefinition>(
  definition: Definition,
  load: () => Promise<Run<OptionValues<Definition["options"]>>>,
): LoadedCommand {
  return {
    attach(command, terminal, finish) {
      for (const [name, about] of Object.entries(definition.operands)) command.argument(name, about);
      addOptions(command, definition.options);
      command.addHelpText("after", exampleLines(command, definition.examples).join("\n"));
      command.action(async () => {
        const options = parseOptions<Definition["options"]>(command.opts(), definition.options);
        const run = await load();
        finish(await run(command.args, options, terminal));
      });
    },
  };
}

/** The end of a help text. */
export function exampleLines(command: Command, examples: CommandDefinition["examples"]): readonly string[] {
  let root = command;
  while (root.parent) root = root.parent;
  return [
    "",
    "Examples:",
    ...examples.flatMap(([line, about]) => [`  # ${about}`, `  ${root.name()} ${line}`]),
  ];
}

/** One option of a command: how it is written, what it means, what it accepts and what it is by default. */
export interface CliOption<T> {
  /** As commander reads it: `-k, --topk <count>`. */
  readonly flags: string;
  /** What `--no-…` means, for a flag that may be on, off or left out. */
  readonly negated?: string;
  /** Another long name, not listed in the help. */
  readonly alias?: string;
  readonly about: string;
  /** Heading in the help. @default "Options:" */
  readonly group?: string;
  /** Accepts the text of the command line (true for a flag) and holds the default. */
  readonly schema: ZodType<T>;
}

/** The options of a command by the name that its code uses. */
export type OptionTable = Readonly<Record<string, CliOption<unknown>>>;

/** What the options of a table give, once they are checked. */
export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: z.output<Table[Name]["schema"]>;
};

/** `--input-size` of `-s, --input-size <pixels>`. */
export function longFlag({ flags }: { readonly flags: string }): string {
  return /--[a-z0-9-]+/.exec(flags)![0];
}

/** Options as words of a command line, without those that have no value. */
export const optionWords = (
  options: Readonly<Record<`-${string}`, string | readonly string[] | undefined>>,
): readonly string[] =>
  Object.entries(options).flatMap(([flag, given = []]) => {
    const values = [given].flat();
    return values.length > 0 ? [flag, ...values] : [];
  });

/** Declares a table of options on a command, each with its default in the help. */
function addOptions(command: Command, table: OptionTable): void {
  for (const option of Object.values(table)) {
    const add = (flags: string, about: string): void => {
      const declared = new Option(flags, about);
      command.addOption(option.group === undefined ? declared : declared.helpGroup(option.group));
    };
    add(option.flags, option.about + defaultNote(option));
    if (option.negated !== undefined) add(option.flags.replace("--", "--no-"), option.negated);
    if (option.alias !== undefined) {
      const placeholder = /[<[].*$/.exec(option.flags)?.[0] ?? "";
      command.addOption(new Option(`${option.alias} ${placeholder}`.trim()).hideHelp());
    }
  }
}

function defaultNote({ schema }: CliOption<unknown>): string {
  const { data } = schema.safeParse(undefined);
  return typeof data === "string" || typeof data === "number" ? ` (default: ${data})` : "";
}

/**
 * Checks what the command line gave against a table of options and fills in the defaults.
 *
 * @throws UsageError `usage/invalid-option` naming the option, what it accepts and what came.
 */
export function parseOptions<Table extends OptionTable>(
  given: Readonly<Record<string, unknown>>,
  table: Table,
): OptionValues<Table> {
  const entries = Object.entries(table).map(([name, option]) => {
    const flag = longFlag(option);
    const text = given[attribute(flag)] ?? (option.alias && given[attribute(option.alias)]);
    const result = option.schema.safeParse(text, { error: expectation });
    if (result.success) return [name, result.data] as const;
    const [issue] = result.error.issues;
    throw new UsageError(
      "usage/invalid-option",
      text === undefined
        ? `${flag} is required.`
        : `${flag}: ${issue?.message ?? "not accepted"}; got ${JSON.stringify(text)}.`,
    );
  });
  return Object.fromEntries(entries) as OptionValues<Table>;
}

/** The name under which commander keeps a flag: `--no-recursive` is `recursive`, `--input-size` `inputSize`. */
function attribute(flag: string): string {
  return flag
    .replace(/^--(no-)?/, "")
    .replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
