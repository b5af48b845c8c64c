import { defineCommand, type LoadedCommand } from "../command.ts";
import { jsonOption } from "../options/output-options.ts";
import { flag, text } from "../options/schemas.ts";

export interface AverageOptions {
  readonly output: string;
  readonly ema: boolean;
  readonly json: boolean;
}

/** `average`: several checkpoints of one model as their mean. */
export const averageCommand: LoadedCommand = defineCommand<AverageOptions>({
  operands: { "<checkpoints...>": ".pth or .safetensors files of the same model" },
  options: {
    output: { flags: "-o, --output <file>", about: "the .safetensors to write (required)", schema: text },
    ema: {
      flags: "--ema",
      about: "take the averaged weights (state_dict_ema) of training checkpoints",
      schema: flag,
    },
    json: jsonOption,
  },
  examples: [
    [
      "average checkpoint-28.pth checkpoint-29.pth checkpoint-30.pth -o mean.safetensors",
      "the mean of three",
    ],
  ],
  run: async (...given) => (await import("../jobs/average.ts")).average(...given),
});
