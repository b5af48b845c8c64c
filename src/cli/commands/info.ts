import { defineCommand, type LoadedCommand } from "../command.ts";
import { jsonOption } from "../options/output-options.ts";

/** `info`: everything that is known of a model or a weights file. */
export const infoCommand: LoadedCommand = defineCommand<{ readonly json: boolean }>({
  operands: { "<model>": "name of a model, or a weights file" },
  options: { json: jsonOption },
  examples: [["info ssl_resnext50_32x4d", "card, results and citation"]],
  run: () => Promise.resolve("ok"),
});
