import type { ImageSource } from "../../../data/index.ts";
import type { Model, ValidationReport } from "../../../predict/index.ts";
import type { Manifest, SemiSettings, Stage } from "../../../semi/index.ts";
import { nodePlatform } from "../../platform.ts";
import { openImages, openModel } from "../../library.ts";
import { modelOf } from "../../../predict/create-model.ts";
import type { NamedImages } from "../../../train/run/training-data.ts";
import type { OpenStage, SemiContext, StageOutcome } from "../context.ts";
import type { SemiEvent } from "../events.ts";
import { givenTeacher, resultsName, writeResults, type Measured } from "../stage-files.ts";
import { classIndices, openTeacher } from "../teacher.ts";

/** Measures every model of the run on the same images. */
export const openMeasure: OpenStage = async (context, stage) => {
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
      },
    },
    run: () => measureAll(context, stage, modelsOf(needed)),
  };
};

type Needed = readonly (readonly [folder: string, manifest: Manifest])[];

function givenTeacherInput({ teach }: SemiSettings, needed: Needed): Readonly<Record<string, string>> {
  const scores = needed.find(([, { stage }]) => stage === "score");
  return teach || !scores ? {} : { [givenTeacher]: scores[1].inputs["teacher"]! };
}

function modelsOf(needed: Needed): readonly Pick<Measured, "stage" | "kind">[] {
  return needed
    .filter(([, { outputs, stage }]) => outputs["best.safetensors"] && stage !== "weak")
    .map(([folder, { stage }]) => ({ stage: folder, kind: stage as Stage["kind"] }));
}

async function* measureAll(
  context: SemiContext,
  { folder }: Stage,
  models: ReturnType<typeof modelsOf>,
): AsyncGenerator<SemiEvent, StageOutcome | undefined, undefined> {
  const { path, signal, execution } = context;
  const data = await measuredImages(context);
  const { classes } = await context.labelled();
  if (!data) {
    const message =
      "There are no images to measure on: give test images (test, --test) or a validation share.";
    yield { type: "warning", stage: folder, message };
    return { outputs: [], counts: {} };
  }
  const measured: Measured[] = [];
  if (!context.settings.teach) {
    const { model } = await openTeacher(context.settings.teacher!, classes, execution);
    const numbers = await measure(model, data.images, { classes, isRestricted: true, signal });
    measured.push({ stage: givenTeacher, kind: "teach", ...numbers });
  }
  for (const { stage, kind } of models) {
    const model = modelOf(nodePlatform, await openModel(path(stage, "best.safetensors")), execution);
    const numbers = await measure(model, data.images, { classes, isRestricted: false, signal });
    measured.push({ stage, kind, ...numbers });
  }
  await writeResults(path(folder), { data: data.name, models: measured });
  return {
    outputs: [resultsName],
    counts: Object.fromEntries(measured.map(({ stage, top1 }) => [`top-1 of ${stage}`, top1])),
  };
}

interface MeasureOptions {
  /** Of the labelled images. */
  readonly classes: readonly string[];
  /** Whether the model knows others, among which it does not choose. */
  readonly isRestricted: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Measures a model, and releases it. */
async function measure(
  model: Model,
  images: ImageSource,
  { classes, isRestricted, signal }: MeasureOptions,
): Promise<ReturnType<typeof numbersOf>> {
  try {
    const order = classIndices(model, classes);
    const report = await model.validate(images, { subset: isRestricted ? order : undefined, signal });
    return numbersOf(report, order);
  } finally {
    await model.release();
  }
}

async function measuredImages(context: SemiContext): Promise<NamedImages | undefined> {
  const { test } = context.settings;
  if (!test) return (await context.labelled()).validation;
  return { name: test.join(" "), images: await openImages(test, { signal: context.signal }) };
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
