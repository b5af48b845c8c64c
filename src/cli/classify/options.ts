import type { CommandDefinition, OptionValues } from "../options/command.ts";
import { imageOperand, inputOptions, outputOptions } from "../options/input-output-options.ts";
import { decodeOption, modelOptions, precisionOptions, runOptions } from "../options/model-options.ts";
import { partOption } from "../options/part.ts";
import { queueOfParts } from "../options/queue.ts";
import { flag, integer, oneOf, probabilityOr, taps, text } from "../options/schemas.ts";

/** `classify`: the best classes of each image. */
export const classifyCommand = {
  operands: { "<images...>": imageOperand },
  options: {
    topk: { flags: "-k, --topk <count>", about: "classes to give per image", schema: integer(1).default(5) },
    logits: { flags: "--logits", about: "give the logits too", schema: flag },
    raw: {
      flags: "--raw",
      about: "probabilities of the logits as they come, without the temperature of the model's file",
      schema: flag,
    },
    unknownBelow: {
      flags: "--unknown-below <probability>",
      about:
        'mark images as unknown whose best class is less probable: 0 to 1, or "suggested" for the value of the model\'s file (see info)',
      schema: probabilityOr("suggested").optional(),
    },
    labels: {
      flags: "--labels <file>",
      about: "class names, one a line, in the order of the model's outputs",
      schema: text.optional(),
    },
    explain: {
      flags: "--explain <folder>",
      about: "draw where the class is seen over each image (Grad-CAM), as PNG files in this folder",
      schema: text.optional(),
    },
    explainClass: {
      flags: "--explain-class <class>",
      about: "the class to explain, by name or index (default: the predicted one)",
      schema: text.optional(),
    },
    explainLayer: {
      flags: "--explain-layer <layer>",
      about: `feature map to explain by: ${taps.join(", ")} (default: the last)`,
      schema: oneOf(taps).optional(),
    },
    ...outputOptions,
    ...inputOptions,
    ...partOption,
    ...queueOfParts,
    ...modelOptions,
    ...precisionOptions,
    ...decodeOption,
    ...runOptions,
  },
  examples: [
    ["classify dog.jpg", "the five best of ten classes, without network"],
    ["classify dog.jpg -m ssl_resnext50_32x4d", "the five best of ImageNet's thousand"],
    ["classify photos/ -m ssl_resnext50_32x4d -o classes.csv", "a folder, as a table"],
    ["classify 'shards/{000..099}.tar' -m ssl_resnext50_32x4d --json | jq .", "tar shards, as JSON Lines"],
    ["classify photos/ -w my.safetensors --unknown-below suggested", "and say where it cannot tell"],
    ["classify photos/ --explain heat/", "and pictures of what it looked at"],
    ["classify dog.jpg --weights my.safetensors", "a model of your own"],
    ["classify photos/ --weights int8.onnx", "a model that was exported, here in int8"],
  ],
} satisfies CommandDefinition;

export type ClassifyOptions = OptionValues<typeof classifyCommand.options>;
