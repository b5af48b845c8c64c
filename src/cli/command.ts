import type { Command } from "commander";
import { addOptions } from "./options/add-options.ts";
import { parseOptions } from "./options/parse-options.ts";
import type { OptionTable } from "./options/option.ts";
import type { Terminal } from "./terminal.ts";

/** How a command ended: everything worked, or something failed that was reported already. */
export type Outcome = "ok" | "failed";

/** What one command takes and does. */
export interface CommandDefinition<Values> {
  /** Arguments as commander reads them: `<images...>`; each with what it means. */
  readonly operands: Readonly<Record<string, string>>;
  readonly options: OptionTable<Values>;
  /** Command lines without the name of the program, each with what it is for. */
  readonly examples: readonly (readonly [line: string, about: string])[];
  run(operands: readonly string[], options: Values, terminal: Terminal): Promise<Outcome>;
}

/** A definition, ready to be hung into the program. */
export interface LoadedCommand {
  attach(command: Command, terminal: Terminal, finish: (outcome: Outcome) => void): void;
}

/** Makes a command of its definition. */
export function defineCommand<Values>(definition: CommandDefinition<Values>): LoadedCommand {
  return {
    attach(command, terminal, finish) {
      for (const [name, about] of Object.entries(definition.operands)) command.argument(name, about);
      addOptions(command, definition.options);
      command.addHelpText("after", exampleLines(command, definition.examples).join("\n"));
      command.action(async () => {
        const options = parseOptions(command.opts(), definition.options);
        finish(await definition.run(command.args, options, terminal));
      });
    },
  };
}

/** The end of a help text. */
export function exampleLines(
  command: Command,
  examples: CommandDefinition<unknown>["examples"],
): readonly string[] {
  let root = command;
  while (root.parent) root = root.parent;
  return [
    "",
    "Examples:",
    ...examples.flatMap(([line, about]) => [`  # ${about}`, `  ${root.name()} ${line}`]),
  ];
}
