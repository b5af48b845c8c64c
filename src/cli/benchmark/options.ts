import type { CommandDefinition, OptionValues } from "../options/command.ts";
import { jsonOption } from "../options/input-output-options.ts";
import { engines, precisions } from "../../runtime/engine.ts";
import { modelOptions, runOptions } from "../options/model-options.ts";
import { flag, integer, integers, oneOf } from "../options/schemas.ts";

/** `benchmark`: images a second of the model alone. */
export const benchmarkCommand = {
  operands: {},
  options: {
    batchSizes: {
      flags: "-b, --batch-sizes <counts>",
      about: "images per run, with commas between (default: 1,8)",
      schema: integers(1, 4096).default([1, 8]),
    },
    warmUp: {
      flags: "--warm-up <runs>",
      about: "runs before the clock starts",
      schema: integer(0).default(3),
    },
    runs: { flags: "--runs <count>", about: "runs to take the median of", schema: integer(1).default(10) },
    pretrained: {
      flags: "--pretrained",
      about: "download the published weights; random ones are as fast",
      schema: flag,
    },
    precision: {
      flags: "--precision <precision>",
      about:
        "fp32, int8 on the CPU, or bf16 with openvino; speed does not depend on the images (default: fp32)",
      schema: oneOf(precisions).optional(),
    },
    engine: {
      flags: "--engine <engine>",
      about: "onnxruntime, or openvino where it is installed (default: onnxruntime)",
      schema: oneOf(engines).optional(),
    },
    all: {
      flags: "--all",
      about: "every engine and precision of this machine, which --engine auto chooses by from then on",
      schema: flag,
    },
    device: runOptions.device,
    threads: { ...runOptions.threads, about: "cores of the session (default: all)" },
    json: jsonOption,
    ...modelOptions,
  },
  examples: [
    ["benchmark -m ssl_resnext50_32x4d", "a model of the card at batch 1 and 8"],
    ["benchmark --precision int8 -m ssl_resnext50_32x4d", "what int8 gains on this machine"],
    ["benchmark -m ssl_resnext50_32x4d --all", "engines and precisions side by side"],
    ["benchmark -m ssl_resnext101_32x8d -b 1,4,16 --threads 1", "one core, three batch sizes"],
  ],
} satisfies CommandDefinition;

export type BenchmarkOptions = OptionValues<typeof benchmarkCommand.options>;
