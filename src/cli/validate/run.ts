import { UsageError } from "../../core/index.ts";
import { imagenetSubset, parseRealLabels, type RealLabels } from "../../data/index.ts";
import { exportSafetensors, openImages, openModel as openSource } from "../../node/library.ts";
import { isOnnxPath } from "../../predict/open-model.ts";
import { answerSample, fitConfidence, type AnswerSample } from "../../predict/metrics/confidence.ts";
import { parseClassSubset, type ClassSubset } from "../../predict/metrics/metrics.ts";
import { modelName, modelSettings, noticeUnturned, openModel, openSessions } from "../open-model.ts";
import type { Outcome } from "../options/command.ts";
import { readLabels, readText } from "../options/input-output-options.ts";
import { partOf } from "../options/part.ts";
import { plural } from "../output/numbers.ts";
import { imageProgress } from "../output/progress.ts";
import type { Terminal } from "../output/terminal.ts";
import { failureSummary, leftOutLines, namedFailure } from "../output/closing-lines.ts";
import { failureEntry } from "../output/write-answers.ts";
import { rowsWithoutImageLine } from "../train/view.ts";
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

/** Measures a model over labelled images. */
export async function validate(
  data: readonly string[],
  options: ValidateOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const part = partOf(options.part);
  if (part) refuseOfAll(options);
  if (options.confusion !== undefined) checkConfusionPath(options.confusion);
  checkFitOptions(options);
  const addRow = options.results === undefined ? undefined : await openResultsFile(options.results);
  const classes = options.labels === undefined ? undefined : await readLabels(options.labels);
  const opened = await openImages(data, { ...options, part, signal: terminal.signal });
  const { splits } = opened;
  if (part && splits) throw splitsInPart(data);
  const images = splits?.validation ?? opened;
  if (splits?.validation) terminal.notice(`validating on ${splits.names.validation.join(", ")}`);
  const model = await openModel(options, terminal, classes ? { classes } : {});
  try {
    const subset = await openSubset(options.subset, model.classes.length);
    const realLabels = await openRealLabels(options.real);
    const { rowsWithoutImage } = images;
    const sample = answerSample();
    const engine = await openSessions(model, ["logits"], images.size, options, terminal);
    const report = await model.validate(images, {
      subset,
      realLabels,
      signal: terminal.signal,
      onPrediction: options.fitTemperature === undefined ? undefined : (image) => sample.add(image),
      onFailure: options.json
        ? (failure) => terminal.print([JSON.stringify(failureEntry(failure))])
        : undefined,
      onProgress: imageProgress(images.size, terminal),
    });
    terminal.clearStatus();

    const summary: ValidationSummary = {
      model: model.description,
      engine,
      numClasses: subset?.length ?? model.classes.length,
      report,
      rowsWithoutImage,
      claims: claimsFor(model, options.subset),
      leftOut: opened.leftOut,
      fitted:
        options.fitTemperature === undefined
          ? undefined
          : await writeFitted(options.fitTemperature, sample, data.join(", "), options, terminal),
    };
    if (options.confusion !== undefined) {
      await writeConfusion(options.confusion, report.confusion, model.classes);
    }
    await addRow?.(resultsRow(summary));
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
    for (const line of leftOutLines(opened.leftOut)) terminal.notice(line);
    noticeUnturned(options, model, terminal);
    return report.failed > 0 ? "failed" : "ok";
  } finally {
    await model.release();
  }
}

/** Which images are measured would depend on the part. */
const splitsInPart = (data: readonly string[]): UsageError =>
  new UsageError(
    "usage/part",
    `--part: ${data.join(", ")} has images for training too. Name the folder or the archives of those to measure alone, such as imagenet/val.`,
  );

/** @throws UsageError `usage/part` for what is made of all images, beside a part of them */
function refuseOfAll({ results, fitTemperature, confusion }: ValidateOptions): void {
  const given = Object.entries({ results, "fit-temperature": fitTemperature, confusion }).find(
    ([, file]) => file !== undefined,
  );
  if (!given) return;
  throw new UsageError("usage/part", `--${given[0]}: is made of all images; leave it or --part out.`);
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

const imagenetClassCount = 1000;

/** The classes that `--subset` names: ImageNet-A's, ImageNet-R's, or those of a file. */
async function openSubset(name: string | undefined, numClasses: number): Promise<ClassSubset | undefined> {
  if (name === undefined) return undefined;
  if (name !== "imagenet-a" && name !== "imagenet-r") {
    return parseClassSubset(await readText(name), numClasses, name);
  }
  if (numClasses !== imagenetClassCount) {
    throw new UsageError(
      "usage/class-subset",
      `--subset ${name} is made for the ${imagenetClassCount} classes of ImageNet; this model has ${numClasses}.`,
    );
  }
  return imagenetSubset(name === "imagenet-a" ? "a" : "r");
}

/** The labels that `--real` names. */
async function openRealLabels(path: string | undefined): Promise<RealLabels | undefined> {
  return path === undefined ? undefined : parseRealLabels(await readText(path), path);
}
