import type { CommandDefinition, OptionValues } from "../options/command.ts";
import { formats, imageOperand, inputOptions, outputOptions } from "../options/input-output-options.ts";
import { decodeOption, modelOptions, precisionOptions, runOptions } from "../options/model-options.ts";
import { partOption } from "../options/part.ts";
import { queueOfParts } from "../options/queue.ts";
import { oneOf, taps, text } from "../options/schemas.ts";

const arrayFormats = [...formats, "npy"] as const;

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
    format: {
      ...outputOptions.format,
      about: `${arrayFormats.join(", ")} (default: what --output ends in, else table); npy, NumPy's array of float32, comes with the names of its images in FILE.images.csv`,
      schema: oneOf(arrayFormats).optional(),
    },
    ...inputOptions,
    ...partOption,
    ...queueOfParts,
    ...modelOptions,
    ...precisionOptions,
    ...decodeOption,
    ...runOptions,
  },
  examples: [
    ["embed dog.jpg -m ssl_resnext50_32x4d --json", "2048 numbers"],
    ["embed photos/ -m ssl_resnext50_32x4d -o embeddings.parquet", "a folder, for a vector index"],
    ["embed photos/ -m ssl_resnext50_32x4d -o embeddings.npy", "the same for np.load"],
    ["embed dog.jpg -m ssl_resnext50_32x4d --tap layer4 --json", "the last feature map"],
  ],
} satisfies CommandDefinition;

export type EmbedOptions = OptionValues<typeof embedCommand.options>;
