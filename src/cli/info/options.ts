import type { CommandDefinition, OptionValues } from "../options/command.ts";
import { jsonOption } from "../options/input-output-options.ts";
import { whichWeights } from "../options/model-options.ts";
import { flag } from "../options/schemas.ts";

/** `info`: everything that is known of a model or a weights file. */
export const infoCommand = {
  operands: { "<model>": "name of a model, a .pth, .safetensors or .onnx file, or a folder of one" },
  options: {
    layers: {
      flags: "--layers",
      about: "list every layer with shape, parameters and multiply-adds",
      schema: flag,
    },
    ...whichWeights,
    json: jsonOption,
  },
  examples: [
    ["info ssl_resnext50_32x4d", "card, results and citation"],
    ["info ssl_resnext50_32x4d --layers", "and every layer"],
    ["info ssl_resnext17_cifar10", "the model in the package: training, accuracy and limits"],
    ["info checkpoint.pth", "what a file holds and where it comes from"],
  ],
} satisfies CommandDefinition;

export type InfoOptions = OptionValues<typeof infoCommand.options>;
