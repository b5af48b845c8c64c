import { defineCommand, type LoadedCommand } from "../command.ts";
import { jsonOption } from "../options/output-options.ts";

/** `models`: the models with trained weights, their size and what they claim. */
export const modelsCommand: LoadedCommand = defineCommand<{ readonly json: boolean }>({
  operands: {},
  options: { json: jsonOption },
  examples: [
    ["models", "names, sizes and accuracies"],
    ["models --json | jq -r '.[].name'", "only the names"],
  ],
  run: async (...given) => (await import("../jobs/models.ts")).models(...given),
});
