import * as z from "zod";
import type { ZodType } from "zod";
import type { Output } from "../../nn/index.ts";
import type { CommandDefinition, OptionValues } from "../options/command.ts";
import { jsonOption } from "../options/input-output-options.ts";
import { calibrationOptions, embeddingOptions, modelOptions } from "../options/model-options.ts";
import { flag, integer, oneOf, text } from "../options/schemas.ts";

const names: readonly string[] = [
  "logits",
  "embedding",
  "stem",
  "layer1",
  "layer2",
  "layer3",
  "layer4",
] satisfies Output[];

/** Outputs of a network, with commas between. */
const outputsSchema: ZodType<readonly Output[] | undefined> = z
  .string()
  .transform((given, context) => {
    const chosen = given.split(",").map((name) => name.trim());
    if (chosen.every((name) => names.includes(name))) return [...new Set(chosen)] as Output[];
    context.addIssue(`expected names out of ${names.join(", ")}, with commas between`);
    return z.NEVER;
  })
  .optional();

/** File formats of a model. */
export type ModelFormat = "onnx" | "safetensors" | "huggingface";

/** Short names, and those of the dtypes. */
const precisions = { fp32: "fp32", fp16: "fp16", int8: "int8", float32: "fp32", float16: "fp16" } as const;

const { reduceRange: _, ...calibrated } = calibrationOptions;

/** `export`: a model as ONNX, as safetensors, or as a folder for other tools. */
export const exportCommand = {
  operands: {},
  options: {
    output: { flags: "-o, --output <path>", about: "file to write, or folder (required)", schema: text },
    format: {
      flags: "-f, --format <format>",
      about:
        "onnx, safetensors, or huggingface: a folder for timm, transformers, ONNX Runtime, OpenVINO and transformers.js " +
        "(default: what --output ends in)",
      schema: oneOf(["onnx", "safetensors", "huggingface"]).optional(),
    },
    precision: {
      flags: "--precision <precision>",
      about:
        "fp32, fp16 for half the file, or int8 for a third and more than twice the speed on the CPU (onnx)",
      schema: oneOf(["fp32", "fp16", "int8", "float32", "float16"])
        .default("fp32")
        .transform((name) => precisions[name]),
    },
    withPreprocessing: {
      flags: "--with-preprocessing",
      about: "onnx: take one uint8 image [height, width, 3] of any size and do resize, crop and norm inside",
      schema: flag,
    },
    outputs: {
      flags: "--outputs <names>",
      about:
        "onnx, huggingface: logits, embedding, stem, layer1 to layer4, with commas between (default: logits)",
      schema: outputsSchema,
    },
    opset: {
      flags: "--opset <number>",
      about: "onnx: version of the operator set, for runtimes that know no later one (default: 18)",
      schema: integer(1).optional(),
    },
    labels: {
      flags: "--labels <file>",
      about: "class names to put into the file, one a line",
      schema: text.optional(),
    },
    json: jsonOption,
    ...calibrated,
    engine: {
      ...embeddingOptions.engine,
      about:
        "int8: what measures the ranges of activations: onnxruntime, openvino where it is installed, or auto, the faster one (default: onnxruntime)",
      group: calibrationOptions.calibrate.group,
    },
    vnni: {
      flags: "--vnni",
      about:
        "int8: filters of 8 bits, a little more exact, for CPUs with VNNI instructions alone (default: 7 bits, right everywhere)",
      group: calibrationOptions.calibrate.group,
      schema: flag,
    },
    ...modelOptions,
  },
  examples: [
    ["export -m ssl_resnext50_32x4d -o model.onnx", "a model of the card, for any ONNX runtime"],
    [
      "export -m ssl_resnext50_32x4d -o model.onnx --with-preprocessing --precision fp16",
      "half the size, and fed with raw images",
    ],
    [
      "export -m ssl_resnext50_32x4d -o int8.onnx --precision int8 --calibrate photos/",
      "a third of the size; classify --weights opens it",
    ],
    ["export --weights old.pth --labels names.txt -o model.safetensors", "one file that holds all"],
    ["export --weights run -o flowers/ --format huggingface", "a folder that other tools open"],
  ],
} satisfies CommandDefinition;

export type ExportOptions = OptionValues<typeof exportCommand.options>;
