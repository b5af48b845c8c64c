import type { LoadedCommand } from "./command.ts";

/** A command as the list of commands shows it; its code is loaded when it is asked for. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<LoadedCommand>;
}

/** Every command, in the order of the help. */
export const commandTable: readonly CommandEntry[] = [
  {
    name: "models",
    summary: "list the released models",
    load: async () => (await import("./commands/models.ts")).modelsCommand,
  },
  {
    name: "info",
    summary: "show a model's card and layers, or what a weights file holds",
    load: async () => (await import("./commands/info.ts")).infoCommand,
  },
];
