import { UsageError } from "../../core/index.ts";
import { exportSafetensors, openModel as openSource } from "../../node/library.ts";
import { isOnnxPath } from "../../predict/open-model.ts";
import { answerSample, fitConfidence, type AnswerSample } from "../../predict/metrics/confidence.ts";
import { modelName, modelSettings, noticeUnturned } from "../open-model.ts";
import type { Outcome } from "../options/command.ts";
import { readLabels } from "../options/input-output-options.ts";
import { partOf } from "../options/part.ts";
import { plural } from "../output/numbers.ts";
import type { Terminal } from "../output/terminal.ts";
import { firstPart, withQueue } from "../queue/with-queue.ts";
import { failureSummary, leftOutLines, namedFailure } from "../output/closing-lines.ts";
import { failureEntry } from "../output/write-answers.ts";
import { rowsWithoutImageLine } from "../train/view.ts";
import { measureByQueue } from "./measure-by-queue.ts";
import { openMeasured, openMeasurer } from "./measure.ts";
import type { ValidateOptions } from "./options.ts";
import { checkConfusionPath, openResultsFile, resultsRow, writeConfusion } from "./result-files.ts";
import {
  claimsFor,
  perClassEntries,
  perClassLines,
  summaryEntry,
  summaryLines,
  type ValidationSummary,
} from "./view.ts";

/** Measures a model over labelled images: all of them, a part, or by the workers of a queue. */
export async function validate(
  data: readonly string[],
  options: ValidateOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const part = partOf(options.part);
  if (part) refuseOfAll(options);
  refuseByQueue(options);
  if (options.confusion !== undefined) checkConfusionPath(options.confusion);
  checkFitOptions(options);
  return withQueue(options, terminal, async (queue) => {
    const addRow = options.results === undefined ? undefined : await openResultsFile(options.results);
    const opened = await openMeasured(data, options, queue ? firstPart(options) : part, terminal);
    await using measurer = await openMeasurer(options, terminal);
    const sample = answerSample();
    const measured = queue
      ? await measureByQueue(data, options, opened.pieces, queue, terminal)
      : await measurer.measure(opened.images, terminal, {
          onPrediction: options.fitTemperature === undefined ? undefined : (image) => sample.add(image),
        });
    terminal.clearStatus();
    const { engine, report, parts } = measured;
    const isWhole = !parts || parts.failed === 0;
    if (queue && options.json) {
      await terminal.print(report.failures.map((failure) => JSON.stringify(failureEntry(failure))));
    }
    const { model, numClasses } = measurer;
    const { leftOut, images } = opened;
    const { rowsWithoutImage } = images;
    const summary: ValidationSummary = {
      model: model.description,
      engine,
      numClasses,
      report,
      rowsWithoutImage,
      claims: claimsFor(model, options.subset),
      leftOut,
      fitted:
        options.fitTemperature === undefined
          ? undefined
          : await writeFitted(options.fitTemperature, sample, data.join(", "), options, terminal),
    };
    if (options.confusion !== undefined) {
      await writeConfusion(options.confusion, report.confusion, model.classes);
    }
    if (isWhole) await addRow?.(resultsRow(summary));
    if (options.json) {
      const perClass = options.perClass ? { perClass: perClassEntries(report, model.classes) } : {};
      await terminal.print([JSON.stringify({ ...summaryEntry(summary), ...perClass })]);
    } else {
      if (options.perClass) {
        await terminal.print([...perClassLines(report, model.classes, terminal.columns), ""]);
      }
      await terminal.print(summaryLines(summary, terminal.style));
    }
    if (rowsWithoutImage && rowsWithoutImage.count > 0)
      terminal.notice(rowsWithoutImageLine(rowsWithoutImage));
    const failures = report.failures.map(namedFailure);
    for (const line of failureSummary(failures, report.failed, report.count + report.failed)) {
      terminal.notice(line);
    }
    for (const line of leftOutLines(leftOut)) terminal.notice(line);
    noticeUnturned(options, model, terminal);
    if (!isWhole) {
      const unwritten = addRow ? "; no row was added to the results" : "";
      terminal.notice(
        `${terminal.noticeStyle.failure("failed:")} ${parts.failed} of ${parts.of} parts could not be measured, and these are the figures of the others${unwritten}`,
      );
    }
    return report.failed > 0 || !isWhole ? "failed" : "ok";
  });
}

/** @throws UsageError `usage/part` for what is made of all images, beside a part of them */
function refuseOfAll({ results, fitTemperature, confusion }: ValidateOptions): void {
  const given = Object.entries({ results, "fit-temperature": fitTemperature, confusion }).find(
    ([, file]) => file !== undefined,
  );
  if (!given) return;
  throw new UsageError("usage/part", `--${given[0]}: is made of all images; leave it or --part out.`);
}

/** @throws UsageError `usage/no-effect` for what takes the logits of all images, which workers do not send */
function refuseByQueue({ queue, fitTemperature }: ValidateOptions): void {
  if (queue === undefined || fitTemperature === undefined) return;
  throw new UsageError(
    "usage/no-effect",
    "--fit-temperature: no effect with --queue, as it takes the logits of all images; give it without, and a few thousand images.",
  );
}

/** @throws UsageError `usage/fit-temperature` for what a temperature cannot be fitted with, before hours are spent. */
function checkFitOptions({ fitTemperature: file, subset, real, precision, ...rest }: ValidateOptions): void {
  if (file === undefined) return;
  const given = [
    ...(subset === undefined ? [] : ["--subset, which leaves classes out"]),
    ...(real === undefined ? [] : ["--real, whose images may have several right classes"]),
    ...(precision === "int8" ? ["--precision int8, which is not what the file holds"] : []),
  ][0];
  const refused = (why: string): UsageError =>
    new UsageError("usage/fit-temperature", `--fit-temperature ${file}: ${why}.`);
  if (given !== undefined) throw refused(`does not go with ${given}`);
  if (!/\.safetensors$/i.test(file)) throw refused("expected a name in .safetensors");
  const model = modelName(rest);
  if (isOnnxPath(model)) {
    throw refused(
      `${model} is an exported graph; name the weights it was made of, and export the file that comes out`,
    );
  }
}

/**
 * Fits a temperature to the images, and writes the model with it.
 *
 * @throws UsageError `usage/fit-temperature` where the images tell too little.
 */
async function writeFitted(
  file: string,
  { answers }: AnswerSample,
  data: string,
  options: ValidateOptions,
  terminal: Terminal,
): Promise<NonNullable<ValidationSummary["fitted"]>> {
  const { confidence, reason } = fitConfidence(answers, `${plural(answers.length, "image")}, ${data}`);
  if (!confidence)
    throw new UsageError("usage/fit-temperature", `--fit-temperature ${file}: not written, as ${reason}.`);
  const classes = options.labels === undefined ? {} : { classes: await readLabels(options.labels) };
  const source = await openSource(modelName(options), { ...modelSettings(options, terminal), ...classes });
  await exportSafetensors({ ...source, description: { ...source.description, confidence } }, file, {
    signal: terminal.signal,
  });
  return { file, confidence };
}
