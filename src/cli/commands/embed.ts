import type { Tap } from "../../nn/index.ts";
import { precisionOptions, type PrecisionOptions } from "../options/precision-options.ts";
import { defineCommand, type LoadedCommand } from "../command.ts";
import { imageOperand, inputOptions, type InputOptions } from "../options/input-options.ts";
import { modelOptions, runOptions, type ModelOptions, type RunOptions } from "../options/model-options.ts";
import { outputOptions, type OutputOptions } from "../options/output-options.ts";
import { oneOf } from "../options/schemas.ts";
import { taps } from "../options/taps.ts";

export interface EmbedOptions
  extends ModelOptions, RunOptions, PrecisionOptions, InputOptions, OutputOptions {
  readonly tap: Tap | undefined;
}

/** `embed`: the pooled features of each image, or a feature map. */
export const embedCommand: LoadedCommand = defineCommand<EmbedOptions>({
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
  run: async (...given) => (await import("../jobs/embed.ts")).embed(...given),
});
