import type { Tap } from "../../nn/index.ts";
import type { CommandDefinition } from "../options/command.ts";
import {
  imageOperand,
  inputOptions,
  outputOptions,
  type InputOptions,
  type OutputOptions,
} from "../options/input-output-options.ts";
import {
  modelOptions,
  precisionOptions,
  runOptions,
  type ModelOptions,
  type PrecisionOptions,
  type RunOptions,
} from "../options/model-options.ts";
import { oneOf, taps } from "../options/schemas.ts";

export interface EmbedOptions
  extends ModelOptions, RunOptions, PrecisionOptions, InputOptions, OutputOptions {
  readonly tap: Tap | undefined;
}

/** `embed`: the pooled features of each image, or a feature map. */
export const embedCommand: CommandDefinition<EmbedOptions> = {
  operands: { "<images...>": imageOperand },
  options: {
    tap: {
      flags: "--tap <layer>",
      about: `give a feature map instead: ${taps.join(", ")}`,
      schema: oneOf(taps).optional(),
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
};
