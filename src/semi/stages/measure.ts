import { readText, writeText, type Storage } from "../../core/storage/index.ts";
import type { ImageSource } from "../../data/index.ts";
import type { Confidence } from "../../nn/index.ts";
import {
  modelOf,
  openModel,
  type ConfidenceFit,
  type Model,
  type ValidationReport,
} from "../../predict/index.ts";
import { wholeOrValidation, type NamedImages } from "../../train/index.ts";
import {
  labelsInput,
  openWithLabels,
  type OpenStage,
  type SemiContext,
  type StageOutcome,
} from "../context.ts";
import { brokenWarning, type SemiEvent } from "../events.ts";
import type { MeasureStage, StageKind } from "../plan/stage.ts";
import { classIndices, givenOptions, openTeacher } from "../score/teacher.ts";
import type { SemiSettings } from "../settings/settings.ts";
import type { Manifest } from "./manifest.ts";
import { bestWeights } from "./training.ts";
import { nameOfPaths } from "../settings/absolute-paths.ts";

/** Accuracies of the models of a run, all on the same images. */
export interface Results {
  /** Where the images come from. */
  readonly data: string;
  readonly models: readonly Measured[];
}

/** Accuracy of a model of a run, in percent. */
export interface Measured {
  readonly stage: string;
  readonly kind: StageKind;
  readonly top1: number;
  readonly top5: number;
  readonly loss: number;
  readonly images: number;
  /** Counts, row-major: rows are right classes, columns predicted ones. */
  readonly confusion: readonly number[];
  /** How sure it says that it is; undefined where nothing told, and in results of before. */
  readonly confidence?: Confidence | undefined;
  /** How sure it is of these images, without its temperature and with it; results of before have none. */
  readonly reliability?: ConfidenceFit["reliability"];
  /** A 1 for each image that is right and a 0 for each other one, in their order; results of before have none. */
  readonly right?: string;
}

/** What stands for the stage of a teacher that no stage trains. */
export const givenTeacher = "teacher";

const resultsName = "results.json";

/**
 * The results in a folder; undefined when there was nothing to measure on.
 *
 * @throws DataError when they cannot be read.
 */
export async function readResults(storage: Storage, folder: string): Promise<Results | undefined> {
  const path = storage.join(folder, resultsName);
  return (await storage.stat(path)) ? (JSON.parse(await readText(storage, path)) as Results) : undefined;
}

/** Measures every model of the run on the same images. */
export const openMeasure: OpenStage<MeasureStage> = async (context, stage) => {
  const { settings, fingerprints, signal, manifest } = context;
  const tested = settings.test ?? settings.validation ?? settings.labelled;
  const needed: Needed = await Promise.all(
    stage.needs.map(async (folder) => [folder, await manifest(folder)] as const),
  );
  return {
    origin: {
      settings: {
        ...stage.settings,
        ...(settings.test || settings.validation ? {} : { validationShare: settings.validationShare }),
      },
      inputs: {
        ...Object.fromEntries(
          needed.flatMap(([folder, { outputs }]) =>
            Object.entries(outputs).map(([file, hash]) => [`${folder}/${file}`, hash]),
          ),
        ),
        ...givenTeacherInput(context.settings, needed),
        "measured images": await fingerprints.data(tested, signal),
        ...(await labelsInput(context)),
      },
    },
    run: () => measureAll(context, stage, modelsOf(needed)),
  };
};

/** Models that are none of the classes': they have others, none, or one more. */
const notMeasured: ReadonlySet<StageKind> = new Set<StageKind>(["weak", "adapt", "none-class"]);

type Needed = readonly (readonly [folder: string, manifest: Manifest])[];

function givenTeacherInput({ teach }: SemiSettings, needed: Needed): Readonly<Record<string, string>> {
  const scores = needed.find(([, { stage }]) => stage === "score");
  return teach || !scores ? {} : { [givenTeacher]: scores[1].inputs["teacher"]! };
}

function modelsOf(needed: Needed): readonly Pick<Measured, "stage" | "kind">[] {
  return needed
    .filter(([, { outputs, stage }]) => outputs[bestWeights] && !notMeasured.has(stage))
    .map(([folder, { stage }]) => ({ stage: folder, kind: stage }));
}

async function* measureAll(
  context: SemiContext,
  { folder }: MeasureStage,
  models: ReturnType<typeof modelsOf>,
): AsyncGenerator<SemiEvent, StageOutcome | undefined, undefined> {
  const { platform, storage, path, signal, execution } = context;
  const data = await measuredImages(context);
  const { classes } = await context.labelled();
  if (!data) {
    // Where all labels are trained on, cross-validation tells more than a few images that are held out.
    if (models.some(({ kind }) => kind === "fit")) return { outputs: [], counts: {} };
    const message =
      "There are no images to measure on: give test images (test, --test) or a validation share.";
    yield { type: "warning", stage: folder, message };
    return { outputs: [], counts: {} };
  }
  const measured: Measured[] = [];
  const broken = new Map<string, string>();
  if (!context.settings.teach && context.settings.method === "paper") {
    const { model } = await openTeacher(
      platform,
      context.settings.teacher!,
      classes,
      execution,
      await givenOptions(platform, context.settings),
    );
    const numbers = await measure(model, data.images, { classes, isRestricted: true, broken, signal });
    measured.push({ stage: givenTeacher, kind: "teach", ...numbers });
  }
  for (const { stage, kind } of models) {
    const { engine, precision, device, plan, exif } = execution;
    const preprocessing = { exifOrientation: exif };
    const source = await openModel(platform, path(stage, bestWeights), { preprocessing });
    const model = await modelOf(platform, source, { engine, device, plan }, { floats: precision });
    const numbers = await measure(model, data.images, { classes, isRestricted: false, broken, signal });
    measured.push({ stage, kind, ...numbers });
  }
  yield* brokenWarning(folder, broken);
  const results: Results = { data: data.name, models: measured };
  await writeText(storage, path(folder, resultsName), `${JSON.stringify(results)}\n`);
  return {
    outputs: [resultsName],
    counts: {
      "measured images": measured[0]?.images ?? 0,
      ...Object.fromEntries(measured.map(({ stage, top1 }) => [`top-1 of ${stage}`, top1])),
    },
  };
}

interface MeasureOptions {
  /** Of the labelled images. */
  readonly classes: readonly string[];
  /** Whether the model knows others, among which it does not choose. */
  readonly isRestricted: boolean;
  /** Takes the images that cannot be used, and why. */
  readonly broken: Map<string, string>;
  readonly signal: AbortSignal | undefined;
}

/** Measures a model, and releases it. */
async function measure(
  model: Model<never>,
  images: ImageSource,
  { classes, isRestricted, broken, signal }: MeasureOptions,
): Promise<Omit<Measured, "stage" | "kind">> {
  try {
    const order = classIndices(model, classes);
    let right = "";
    const report = await model.validate(images, {
      subset: isRestricted ? order : undefined,
      signal,
      onFailure: ({ image, error }) => void broken.set(image, error.message),
      onPrediction: ({ predicted, target }) => (right += predicted === target ? "1" : "0"),
    });
    const { confidence } = model.description;
    return { ...numbersOf(report, order), confidence, reliability: report.reliability, right };
  } finally {
    await model.release();
  }
}

async function measuredImages(context: SemiContext): Promise<NamedImages | undefined> {
  const { test } = context.settings;
  if (!test) return (await context.labelled()).validation;
  return wholeOrValidation({ name: nameOfPaths(test), images: await openWithLabels(context, test) });
}

/** @param order Classes of the confusion matrix that comes out, by their indices in the one that is given. */
function numbersOf(
  { top1, top5, loss, count, confusion }: ValidationReport,
  order: readonly number[],
): Omit<Measured, "stage" | "kind"> {
  const { numClasses, counts } = confusion;
  const ordered = order.flatMap((row) => order.map((column) => counts[row * numClasses + column]!));
  return { top1, top5, loss, images: count, confusion: ordered };
}
