import { Option, type Command } from "commander";
import type { CliOption, OptionTable } from "./option.ts";

/** Declares a table of options on a command, each with its default in the help. */
export function addOptions<Values>(command: Command, table: OptionTable<Values>): void {
  for (const option of Object.values<CliOption<unknown>>(table)) {
    const declared = new Option(option.flags, option.about + defaultNote(option));
    command.addOption(option.group === undefined ? declared : declared.helpGroup(option.group));
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
