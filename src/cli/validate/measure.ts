import { UsageError } from "../../core/index.ts";
import {
  imagenetSubset,
  parseRealLabels,
  type ImageSource,
  type LeftOutFiles,
  type Part,
  type RealLabels,
} from "../../data/index.ts";
import { openImagesFrom } from "../../node/images/open-images-from.ts";
import type { Model, ValidationReport } from "../../predict/index.ts";
import { parseClassSubset, type ClassSubset } from "../../predict/metrics/metrics.ts";
import type { ValidateOptions as MeasureOptions } from "../../predict/validate.ts";
import type { Engine } from "../../runtime/index.ts";
import { openModel, openSessions } from "../open-model.ts";
import { readLabels, readText } from "../options/input-output-options.ts";
import { imageProgress } from "../output/progress.ts";
import type { Terminal } from "../output/terminal.ts";
import { failureEntry } from "../output/write-answers.ts";
import type { ValidateOptions } from "./options.ts";

/** What a model was found to be worth. */
export interface Measurement {
  readonly engine: Engine;
  readonly report: ValidationReport;
  /** How many parts of the images could not be measured by the workers of a queue, of how many. */
  readonly parts?: { readonly failed: number; readonly of: number } | undefined;
}

/** A model that is open, and is measured as a command line asks. */
export interface Measurer extends AsyncDisposable {
  readonly model: Model;
  /** Classes that it chooses among. */
  readonly numClasses: number;
  measure(
    images: ImageSource,
    terminal: Terminal,
    more: Pick<MeasureOptions, "onPrediction" | "onProgress">,
  ): Promise<Measurement>;
}

/** Opens the model that the options name, with the classes and labels that it is measured by. */
export async function openMeasurer(options: ValidateOptions, terminal: Terminal): Promise<Measurer> {
  const classes = options.labels === undefined ? undefined : await readLabels(options.labels);
  const model = await openModel(options, terminal, classes ? { classes } : {});
  try {
    const subset = await openSubset(options.subset, model.classes.length);
    const realLabels = await openRealLabels(options.real);
    return {
      model,
      numClasses: subset?.length ?? model.classes.length,
      async measure(images, own, more) {
        const { signal } = own;
        const engine = await openSessions(model, ["logits"], images.size, options, own);
        const onFailure: MeasureOptions["onFailure"] = options.json
          ? (failure) => own.print([JSON.stringify(failureEntry(failure))])
          : undefined;
        const onProgress = imageProgress(images.size, own);
        const how = { subset, realLabels, signal, onFailure, onProgress, ...more };
        return { engine, report: await model.validate(images, how) };
      },
      [Symbol.asyncDispose]: () => model.release(),
    };
  } catch (error) {
    await model.release();
    throw error;
  }
}

/** Images that are measured. */
interface MeasuredImages extends Pick<ImageSource, "pieces"> {
  readonly images: ImageSource;
  readonly leftOut: readonly LeftOutFiles[] | undefined;
}

/**
 * The images to measure: of data with images for training too those for validation.
 *
 * @param folder Where relative paths begin. @default that of the process
 * @throws UsageError `usage/part` for a part of such data; what opening images throws
 */
export async function openMeasured(
  data: readonly string[],
  { labelsFile, imageColumn, labelColumn }: ValidateOptions,
  part: Part | undefined,
  terminal: Terminal,
  folder?: string,
): Promise<MeasuredImages> {
  const { signal } = terminal;
  const opened = await openImagesFrom(folder, data, { labelsFile, imageColumn, labelColumn, part, signal });
  const { splits, leftOut, pieces } = opened;
  if (part && splits) throw splitsInPart(data);
  if (splits?.validation) terminal.notice(`validating on ${splits.names.validation.join(", ")}`);
  return { images: splits?.validation ?? opened, leftOut, pieces };
}

/** Which images are measured would depend on the part. */
const splitsInPart = (data: readonly string[]): UsageError =>
  new UsageError(
    "usage/part",
    `${data.join(", ")} has images for training too, and cannot be shared out in parts. Name the folder or the archives of those to measure alone, such as imagenet/val.`,
  );

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
