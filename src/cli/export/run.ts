import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { UsageError } from "../../core/index.ts";
import { exportOnnx, exportSafetensors, openModel } from "../../node/library.ts";
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
  checkCalibration(options);
  const classes = options.labels === undefined ? undefined : await readLabels(options.labels);
  const source = await openModel(modelName(options), {
    ...modelSettings(options, terminal),
    ...(classes ? { classes } : {}),
  });
  noticeDefault(options, source.description, terminal);
  const { output, precision, withPreprocessing, outputs, reduceRange } = options;
  const calibration = await calibrationFor(() => Promise.resolve(source), options, terminal);
  terminal.status(() => terminal.noticeStyle.dim(`writing ${output} …`));
  const { signal } = terminal;
  if (format === "onnx") {
    await exportOnnx(source, output, {
      precision,
      withPreprocessing,
      outputs,
      calibration,
      reduceRange,
      signal,
    });
  } else if (precision !== "int8") {
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
}

/** A safetensors file has no graph that could be asked for anything. */
function refuseGraphOptions({ withPreprocessing, outputs, precision }: ExportOptions): void {
  const given = [
    ...(withPreprocessing ? ["--with-preprocessing"] : []),
    ...(outputs === undefined ? [] : ["--outputs"]),
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
    `--output ${output}: end it in .onnx or .safetensors, or name the format with --format.`,
  );
}
