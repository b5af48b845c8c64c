import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { UsageError } from "../../core/index.ts";
import type { Output } from "../../nn/index.ts";
import { exportOnnx, exportSafetensors } from "../../node/export-model.ts";
import { openModel as openModelSource } from "../../node/open-model.ts";
import { defineCommand, type LoadedCommand } from "../command.ts";
import { outputsSchema } from "../options/outputs-schema.ts";
import { readLabels } from "../labels.ts";
import { modelName, modelSettings } from "../open-model.ts";
import { modelOptions, type ModelOptions } from "../options/model-options.ts";
import { jsonOption } from "../options/output-options.ts";
import { flag, oneOf, text } from "../options/schemas.ts";
import { bytes } from "../output/numbers.ts";

type Format = "onnx" | "safetensors";

interface ExportOptions extends ModelOptions {
  readonly output: string;
  readonly format: Format | undefined;
  readonly precision: "fp32" | "fp16";
  readonly withPreprocessing: boolean;
  readonly outputs: readonly Output[] | undefined;
  readonly labels: string | undefined;
  readonly json: boolean;
}

/** `export`: a model as ONNX or safetensors. */
export const exportCommand: LoadedCommand = defineCommand<ExportOptions>({
  operands: {},
  options: {
    output: { flags: "-o, --output <file>", about: "where to write (required)", schema: text },
    format: {
      flags: "-f, --format <format>",
      about: "onnx or safetensors (default: what --output ends in)",
      schema: oneOf(["onnx", "safetensors"]).optional(),
    },
    precision: {
      flags: "--precision <precision>",
      about: "fp32, or fp16 for half the file",
      schema: oneOf(["fp32", "fp16"]).default("fp32"),
    },
    withPreprocessing: {
      flags: "--with-preprocessing",
      about: "onnx: take one uint8 image [height, width, 3] of any size and do resize, crop and norm inside",
      schema: flag,
    },
    outputs: {
      flags: "--outputs <names>",
      about: "onnx: logits, embedding, stem, layer1 to layer4, with commas between (default: logits)",
      schema: outputsSchema,
    },
    labels: {
      flags: "--labels <file>",
      about: "class names to put into the file, one a line",
      schema: text.optional(),
    },
    json: jsonOption,
    ...modelOptions,
  },
  examples: [
    ["export -o model.onnx", "the default model, for any ONNX runtime"],
    ["export -o model.onnx --with-preprocessing --precision fp16", "half the size, and fed with raw images"],
    ["export --weights old.pth --labels names.txt -o model.safetensors", "one file that holds all"],
  ],
  async run(_, options, terminal) {
    const format = options.format ?? formatOf(options.output);
    if (format === "safetensors" && options.withPreprocessing) {
      throw new UsageError(
        "usage/export",
        "--with-preprocessing belongs to onnx; safetensors holds weights.",
      );
    }
    const classes = options.labels === undefined ? undefined : await readLabels(options.labels);
    const source = await openModelSource(modelName(options), {
      ...modelSettings(options, terminal),
      ...(classes ? { classes } : {}),
    });
    const { output, precision, withPreprocessing, outputs } = options;
    terminal.status(() => terminal.noticeStyle.dim(`writing ${output} …`));
    const { signal } = terminal;
    if (format === "onnx") {
      await exportOnnx(source, output, { precision, withPreprocessing, outputs, signal });
    } else {
      await exportSafetensors(source, output, { precision, signal });
    }
    const { size } = await stat(output);
    terminal.clearStatus();
    const { name } = source.description;
    await terminal.print([
      options.json
        ? JSON.stringify({ output, format, precision, bytes: size, model: name })
        : `${output}: ${name} as ${format}, ${precision}, ${bytes(size)}`,
    ]);
    return "ok";
  },
});

function formatOf(output: string): Format {
  const extension = extname(output);
  if (extension === ".onnx" || extension === ".safetensors") return extension.slice(1) as Format;
  throw new UsageError(
    "usage/export",
    `--output ${output}: end it in .onnx or .safetensors, or name the format with --format.`,
  );
}
