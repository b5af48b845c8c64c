import type { StageKind } from "../../../semi/stages.ts";
import { defineCommand, type CommandDefinition, type LoadedCommand } from "../../command.ts";
import type { OptionTable } from "../../options/option.ts";
import { flag, text } from "../../options/schemas.ts";
import { semiOptions, type SemiFlags } from "../../options/semi-options.ts";
import { trainingOptions, type TrainingOptions } from "../../options/training-options.ts";

export interface SemiOptions extends SemiFlags, TrainingOptions {
  readonly out: string;
  readonly json: boolean;
}

const options: OptionTable<SemiOptions> = {
  out: {
    flags: "-o, --out <folder>",
    about: "where everything goes, stage by stage (required)",
    schema: text,
  },
  json: { flags: "--json", about: "print one JSON object a line for each event", schema: flag },
  ...semiOptions,
  ...trainingOptions,
};

/** What a command does: stages of these kinds, or all; for the settings as they are, or for their variants too. */
export interface WantedStages {
  readonly only?: readonly StageKind[];
  readonly withVariants?: boolean;
}

/** One of the commands of `semi`: they take the same settings, and differ in the stages that they do. */
export function semiCommand(
  wanted: WantedStages,
  examples: CommandDefinition<SemiOptions>["examples"],
): LoadedCommand {
  return defineCommand<SemiOptions>({
    operands: {
      "[settings]": "a .yaml file of settings (default: those of the run in --out, if there is one)",
    },
    options,
    examples,
    run: async (operands, given, terminal) =>
      (await import("../../jobs/semi.ts")).semi(wanted, operands[0], given, terminal),
  });
}
