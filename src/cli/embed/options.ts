import type { CommandDefinition, OptionValues } from "../options/command.ts";
import { imageOperand, inputOptions, outputOptions } from "../options/input-output-options.ts";
import { modelOptions, precisionOptions, runOptions } from "../options/model-options.ts";
import { oneOf, taps, text } from "../options/schemas.ts";

/** `embed`: the pooled features of each image, or a feature map. */
export const embedCommand = {
  operands: { "<images...>": imageOperand },
  options: {
    tap: {
      flags: "--tap <layer>",
      about: `give a feature map instead: ${taps.join(", ")}; of another's ONNX file the output of this name`,
      schema: text.optional(),
    },
    normalize: {
      flags: "--normalize <how>",
      about: "l2: embeddings of length 1, whose dot product is the cosine (default: none)",
      schema: oneOf(["none", "l2"]).optional(),
    },
    ...outputOptions,
    ...inputOptions,
    ...modelOptions,
    ...precisionOptions,
    ...runOptions,
  },
  examples: [
    ["embed dog.jpg -m ssl_resnext50_32x4d --json", "2048 numbers"],
    ["embed photos/ -m ssl_resnext50_32x4d -o embeddings.parquet", "a folder, for a vector index"],
    ["embed dog.jpg -m ssl_resnext50_32x4d --tap layer4 --json", "the last feature map"],
  ],
} satisfies CommandDefinition;

export type EmbedOptions = OptionValues<typeof embedCommand.options>;
