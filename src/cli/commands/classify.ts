import { precisionOptions, type PrecisionOptions } from "../options/precision-options.ts";
import { defineCommand, type LoadedCommand } from "../command.ts";
import { imageOperand, inputOptions, type InputOptions } from "../options/input-options.ts";
import { modelOptions, runOptions, type ModelOptions, type RunOptions } from "../options/model-options.ts";
import { outputOptions, type OutputOptions } from "../options/output-options.ts";
import { flag, integer, text } from "../options/schemas.ts";

export interface ClassifyOptions
  extends ModelOptions, RunOptions, PrecisionOptions, InputOptions, OutputOptions {
  readonly topk: number;
  readonly logits: boolean;
  readonly labels: string | undefined;
}

/** `classify`: the best classes of each image. */
export const classifyCommand: LoadedCommand = defineCommand<ClassifyOptions>({
  operands: { "<images...>": imageOperand },
  options: {
    topk: { flags: "-k, --topk <count>", about: "classes to give per image", schema: integer(1).default(5) },
    logits: { flags: "--logits", about: "give the logits too", schema: flag },
    labels: {
      flags: "--labels <file>",
      about: "class names, one a line, in the order of the model's outputs",
      schema: text.optional(),
    },
    ...outputOptions,
    ...inputOptions,
    ...modelOptions,
    ...precisionOptions,
    ...runOptions,
  },
  examples: [
    ["classify dog.jpg", "the five best classes"],
    ["classify photos/ -o classes.csv", "a folder, as a table"],
    ["classify 'shards/{000..099}.tar' --json | jq .", "tar shards, as JSON Lines"],
    ["classify dog.jpg --weights my.safetensors", "a model of your own"],
    ["classify photos/ --weights int8.onnx", "a model that was exported, here in int8"],
  ],
  run: async (...given) => (await import("../jobs/classify.ts")).classify(...given),
});
