import * as z from "zod";
import type { CommandDefinition, OptionValues } from "../options/command.ts";
import { labelledInputOptions } from "../options/input-output-options.ts";
import { embeddingOptions, modelOptions, trainingOptions } from "../options/model-options.ts";
import { flag, integer, text } from "../options/schemas.ts";

const { model, key, ema, offline } = modelOptions;

/** `suggest`: which unlabelled images to label next. */
export const suggestCommand = {
  operands: {},
  options: {
    labelled: {
      flags: "--labelled <data...>",
      about:
        "labelled images, in folders that are named after their classes; those in a folder none show none of them (default: those of the run that --model names)",
      schema: z.array(text).optional(),
    },
    unlabelled: {
      flags: "--unlabelled <data...>",
      about: "images of any content to choose from (default: those of the run that --model names)",
      schema: z.array(text).optional(),
    },
    out: {
      flags: "-o, --out <folder>",
      about:
        "a new folder for the suggested images, with a folder for each class to move them into (required)",
      schema: text,
    },
    count: {
      flags: "-n, --count <images>",
      about: "how many images to suggest",
      schema: integer(1, 500).default(20),
    },
    pool: {
      flags: "--pool <images>",
      about: "most unlabelled images that are looked at, drawn at random",
      schema: integer(1).default(25_000),
    },
    seed: { flags: "--seed <number>", about: "decides every random choice", schema: integer(0).default(0) },
    json: {
      flags: "--json",
      about: "print one JSON object a line for each suggested image",
      schema: flag,
    },
    model: {
      ...model,
      flags: "-m, --model <model>",
      about: "a model's name, a .pth or .safetensors file, or the folder of a run (required)",
      schema: text,
    },
    key,
    ema,
    offline,
    ...labelledInputOptions,
    engine: {
      ...embeddingOptions.engine,
      about:
        "what embeds images: onnxruntime, openvino where it is installed, or auto, the faster one (default: that of the run that --model names, or onnxruntime)",
    },
    precision: {
      ...embeddingOptions.precision,
      about:
        "of the embeddings: fp32, or bf16 with --engine openvino (default: that of the run that --model names, or fp32)",
    },
    device: trainingOptions.device,
    threads: trainingOptions.threads,
    workers: { ...trainingOptions.workers, about: "sessions that share the work (default: by the cores)" },
  },
  examples: [
    [
      "suggest --labelled photos --unlabelled others -m ssl_resnext50_32x4d -o next",
      "20 images to label, to look at in next/index.html",
    ],
    ["suggest -m run -n 50 -o next", "for the images of a run of semi, by its network"],
    [
      "suggest --labelled photos next --unlabelled others -m run -o next-2",
      "the next ones, when those of next lie in the folders of their classes",
    ],
  ],
} satisfies CommandDefinition;

export type SuggestOptions = OptionValues<typeof suggestCommand.options>;
