import { extname } from "node:path";
import { UsageError } from "../../core/index.ts";
import { existing } from "../../core/storage/index.ts";
import { family } from "../../nn/index.ts";
import { folderOnDisk, nodeStorageFor } from "../../node/files/file-storage.ts";
import { exportHuggingFace, exportOnnx, exportSafetensors, openModel } from "../../node/library.ts";
import { calibrationFor, checkCalibration, modelName, modelSettings, noticeDefault } from "../open-model.ts";
import type { Outcome } from "../options/command.ts";
import { readLabels } from "../options/input-output-options.ts";
import { bytes } from "../output/numbers.ts";
import type { Terminal } from "../output/terminal.ts";
import type { ExportOptions, ModelFormat } from "./options.ts";

/** Writes a model as a file. */
export async function exportModel(
  _: readonly string[],
  options: ExportOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const format = options.format ?? formatOf(options.output);
  if (format === "safetensors") refuseGraphOptions(options);
  if (format === "huggingface") {
    refusePrecision(options);
    refuseUncalibrated(options);
    folderOnDisk(options.output);
  }
  // A folder holds every precision; images make its 8 bits those of the arithmetic too.
  const given = format === "huggingface" && options.calibrate !== undefined ? "int8" : options.precision;
  checkCalibration({ ...options, precision: given });
  if (options.engine !== undefined && given !== "int8") {
    throw new UsageError(
      "usage/precision",
      "--engine belongs to --precision int8, whose ranges it measures.",
    );
  }
  const classes = options.labels === undefined ? undefined : await readLabels(options.labels);
  const source = await openModel(modelName(options), {
    ...modelSettings(options, terminal),
    ...(classes ? { classes } : {}),
  });
  noticeDefault(options, source.description, terminal);
  const { output, precision, withPreprocessing, outputs, opset, vnni } = options;
  const reduceRange = !vnni;
  const calibration = await calibrationFor(
    () => Promise.resolve(source),
    { ...options, precision: given },
    terminal,
  );
  terminal.status(() => terminal.noticeStyle.dim(`writing ${output} …`));
  const { signal } = terminal;
  if (format === "huggingface") {
    const written = await exportHuggingFace(source, output, { outputs, calibration, reduceRange, signal });
    terminal.clearStatus();
    if (!written.timm) {
      terminal.notice(
        `timm has no architecture like this ${family.title(source.description.config)}: the folder has no config.json, and ` +
          `timm and transformers do not open it; ONNX Runtime, OpenVINO and transformers.js do.`,
      );
    }
    await terminal.print(shown(source.description.name, written.bytes, options, format));
    return "ok";
  }
  if (format === "onnx") {
    await exportOnnx(source, output, {
      precision,
      withPreprocessing,
      outputs,
      opset,
      ...(calibration ? { calibration, reduceRange } : {}),
      signal,
    });
  } else if (precision !== "int8") {
    await exportSafetensors(source, output, { precision, signal });
  }
  const { size } = await existing(nodeStorageFor(output), output);
  terminal.clearStatus();
  await terminal.print(shown(source.description.name, size, options, format));
  return "ok";
}

/** What was written. */
function shown(
  model: string,
  size: number,
  { output, precision, json }: ExportOptions,
  format: ModelFormat,
): string[] {
  const known = format === "huggingface" ? {} : { precision };
  return [
    json
      ? JSON.stringify({ output, format, ...known, bytes: size, model })
      : [`${output}: ${model} as ${format}`, ...Object.values(known), bytes(size)].join(", "),
  ];
}

function refusePrecision({ precision, withPreprocessing }: ExportOptions): void {
  const given = withPreprocessing
    ? "--with-preprocessing"
    : precision === "fp32"
      ? undefined
      : `--precision ${precision}`;
  if (given === undefined) return;
  throw new UsageError(
    "usage/export",
    `${given} belongs to onnx; a huggingface folder holds the graph without preprocessing in float32, and with it inside ` +
      "in float32, float16 and 8 bits. --calibrate DATA lets the last compute in 8 bits too.",
  );
}

/** @throws UsageError `usage/no-calibration` for what is about images that a folder's 8 bits are not measured on. */
function refuseUncalibrated({ calibrate, calibrationImages, vnni, engine }: ExportOptions): void {
  if (calibrate !== undefined) return;
  const [given] = [
    ...(calibrationImages === undefined ? [] : ["--calibration-images"]),
    ...(vnni ? ["--vnni"] : []),
    ...(engine === undefined ? [] : ["--engine"]),
  ];
  if (given === undefined) return;
  throw new UsageError(
    "usage/no-calibration",
    `${given} needs --calibrate DATA: a few hundred images of the kind that will be classified, on which a huggingface folder's ` +
      "8 bits are measured.",
  );
}

/** A safetensors file has no graph that could be asked for anything. */
function refuseGraphOptions({ withPreprocessing, outputs, opset, precision }: ExportOptions): void {
  const given = [
    ...(withPreprocessing ? ["--with-preprocessing"] : []),
    ...(outputs === undefined ? [] : ["--outputs"]),
    ...(opset === undefined ? [] : ["--opset"]),
    ...(precision === "int8" ? ["--precision int8"] : []),
  ][0];
  if (given === undefined) return;
  throw new UsageError("usage/export", `${given} belongs to onnx; safetensors holds weights.`);
}

function formatOf(output: string): ModelFormat {
  const extension = extname(output);
  if (extension === ".onnx" || extension === ".safetensors") return extension.slice(1) as ModelFormat;
  throw new UsageError(
    "usage/export",
    `--output ${output}: end it in .onnx or .safetensors, or name the format with --format (huggingface for a folder).`,
  );
}
