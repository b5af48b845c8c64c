import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { createModel, openImages, openModel, type ImageItem, type Model } from "ssl-resnext";
import { embeddedModel, hasWeights } from "ssl-resnext/nn";
import { nodePlatform, trainHead } from "ssl-resnext/node";
import { answerSample, fitConfidence, modelOf, type ModelSource } from "ssl-resnext/predict";
import type { Benchmark } from "../benchmark.ts";
import { openNetwork, sourceOf } from "../fixtures/few-labels.ts";
import { vehicles, vehicleTask, type VehicleTask } from "../fixtures/vehicles.ts";
import { meanAndError } from "../measure/statistics.ts";
import { cacheFolder, repository } from "../paths.ts";

const labelsOfClass = 25;

/** How sure models may be of few labels, and how many foreign images they refuse. */
export const calibration: Benchmark = {
  name: "calibration",
  summary: "calibration errors at 25 labels a class, and foreign images refused (--backbone FILE)",
  async run({ quick, photos, backbone }) {
    const task = await vehicleTask(photos);
    const network = await openNetwork(backbone, task);
    const draws = Array.from({ length: quick ? 2 : 5 }, (_, draw) => draw);
    const arms: Arm[] = [];
    for (const { name, unlabelled, tuned } of [
      { name: "classifier, the labels alone", unlabelled: undefined, tuned: "labels-alone" },
      {
        name: "classifier, with the statistics of the unlabelled images",
        unlabelled: task.unlabelled,
        tuned: "as-it-came",
      },
    ]) {
      const fitted = [];
      for (const draw of draws)
        fitted.push((await network.fit(task.draw(labelsOfClass, draw), unlabelled)).head);
      const heads: Judged[] = [];
      for (const head of fitted) heads.push(await judged(await opened(head), task));
      arms.push({ name, judged: heads });
      const networks: Judged[] = [];
      for (const draw of draws) {
        const path = tunedPath(tuned, draw);
        const { temperature = 1, ...confidence } = fitted[draw]!.description.confidence ?? {};
        if (!existsSync(path) || !("unknownBelow" in confidence)) continue;
        const source = await openModel(path);
        // As semi leaves a network that no image was kept out of.
        const description = {
          ...source.description,
          confidence: { ...confidence, temperature: Math.max(1, temperature) },
        };
        networks.push(await judged(await opened({ ...source, description }), task));
      }
      if (networks.length > 0) arms.push({ name: "  then trained as a whole", judged: networks });
    }
    arms.push({
      name: "classifier with a class of 100 foreign images",
      judged: await withNone(backbone, task, draws),
    });
    const embedded = await embeddedErrors(photos);
    return {
      title: "Calibration",
      columns: [
        "",
        "top-1, %",
        "log loss",
        "at the temperature",
        "calibration error, %",
        "at the temperature",
        "own kept, %",
        "right ones kept, %",
        "wrong ones refused, %",
        "foreign refused, %",
      ],
      rows: arms.map(({ name, judged: all }) => [
        name,
        ...(
          [
            ["top1", 1],
            ["rawLoss", 3],
            ["loss", 3],
            ["rawError", 1],
            ["error", 1],
            ["kept", 1],
            ["rightKept", 1],
            ["wrongRefused", 1],
            ["foreignRefused", 1],
          ] as const
        ).map(([figure, digits]) =>
          shown(
            all.map((one) => one[figure]),
            digits,
          ),
        ),
      ]),
      targets: [],
      notes: [
        `${labelsOfClass} labels a class, ${draws.length} draws, means and their standard errors; measured on 2,000 test images of ${vehicles.join(", ")} and 3,000 of animals, none of which had a part in anything.`,
        "Refused: less probable than the suggested value of the model; with a class of foreign images, taken for that class.",
        `${embeddedModel}, its ten classes, 5,000 test images: calibration error ${embedded.raw.toFixed(2)} %, and ${embedded.scaled.toFixed(2)} % of each image at a temperature that four fifths of the others gave (${embedded.temperature} of all); its file has none, as no image is left that it was not trained on.`,
      ],
      data: { arms, embedded },
    };
  },
};

interface Arm {
  readonly name: string;
  readonly judged: readonly Judged[];
}

/** Figures of one model; shares in percent, NaN where there is nothing to measure. */
interface Judged {
  readonly top1: number;
  readonly temperature: number;
  readonly rawLoss: number;
  readonly loss: number;
  readonly rawError: number;
  readonly error: number;
  readonly kept: number;
  readonly rightKept: number;
  readonly wrongRefused: number;
  readonly foreignRefused: number;
}

const opened = (source: ModelSource): Promise<Model> => modelOf(nodePlatform, source, {});

/** Where the study of own photos leaves the whole network of a draw. */
const tunedPath = (start: string, draw: number): string =>
  join(cacheFolder, "own-photos", `tuned-${start}-${labelsOfClass}-${draw}`, "best.safetensors");

/** Measures a model, and releases it. */
async function judged(model: Model, { test, foreign }: VehicleTask): Promise<Judged> {
  try {
    const { top1, reliability } = await model.validate(sourceOf(test, vehicles));
    const { raw, scaled } = reliability;
    const own = await answersTo(model, test);
    const others = await answersTo(model, foreign.test);
    const share = (of: typeof own, isCounted: (one: (typeof own)[number]) => boolean): number =>
      (100 * of.filter(isCounted).length) / of.length;
    const right = own.filter(({ isRight }) => isRight);
    const wrong = own.filter(({ isRight }) => !isRight);
    return {
      top1,
      temperature: model.description.confidence!.temperature,
      rawLoss: raw.loss,
      loss: scaled!.loss,
      rawError: raw.calibrationError,
      error: scaled!.calibrationError,
      kept: share(own, ({ isUnknown }) => !isUnknown),
      rightKept: share(right, ({ isUnknown }) => !isUnknown),
      wrongRefused: share(wrong, ({ isUnknown }) => isUnknown),
      foreignRefused: share(others, ({ isUnknown }) => isUnknown),
    };
  } finally {
    await model.release();
  }
}

interface AnswerTo {
  readonly label: string;
  readonly isRight: boolean;
  readonly isUnknown: boolean;
}

async function answersTo(
  model: Model,
  images: readonly ImageItem[],
  unknownBelow: number | "suggested" = "suggested",
): Promise<readonly AnswerTo[]> {
  const answers: AnswerTo[] = [];
  for await (const answer of model.classifyAll(sourceOf(images, vehicles), { unknownBelow })) {
    if ("error" in answer) throw answer.error;
    const { label } = answer.predictions[0]!;
    const isRight = label === images[answers.length]!.label;
    answers.push({ label, isRight, isUnknown: answer.isUnknown! });
  }
  return answers;
}

/** Classifiers that have seen as many foreign images as own ones, and may answer none of these. */
async function withNone(
  backbone: string,
  task: VehicleTask,
  draws: readonly number[],
): Promise<readonly Judged[]> {
  const classes = [...vehicles, "none"];
  const source = await openModel(backbone, {
    pretrained: hasWeights(backbone),
    numClasses: classes.length,
    classes,
  });
  const all: Judged[] = [];
  for (const draw of draws) {
    const own: ImageItem[] = [];
    for await (const item of task.draw(labelsOfClass, draw)) own.push(item);
    const foreign = task.foreign.draw(own.length, draw).map((item) => ({ ...item, label: "none" }));
    const training = trainHead(source, sourceOf([...own, ...foreign], classes), {
      classes,
      cache: join(cacheFolder, "few-labels"),
    });
    let next = await training.next();
    while (!next.done) next = await training.next();
    const model = await opened(next.value);
    const answers = await answersTo(model, task.test, 0);
    const others = await answersTo(model, task.foreign.test, 0);
    await model.release();
    const share = (of: readonly AnswerTo[], isCounted: (one: AnswerTo) => boolean): number =>
      (100 * of.filter(isCounted).length) / of.length;
    const isNone = ({ label }: AnswerTo): boolean => label === "none";
    all.push({
      top1: share(answers, ({ isRight }) => isRight),
      temperature: NaN,
      rawLoss: NaN,
      loss: NaN,
      rawError: NaN,
      error: NaN,
      kept: share(answers, (one) => !isNone(one)),
      rightKept: NaN,
      wrongRefused: NaN,
      foreignRefused: share(others, isNone),
    });
  }
  return all;
}

/** Of the model in the package, on images that it was not trained on. */
async function embeddedErrors(
  photos: string,
): Promise<{ readonly raw: number; readonly scaled: number; readonly temperature: number }> {
  const model = await createModel(embeddedModel);
  try {
    const sample = answerSample();
    const images = await openImages([resolve(repository, photos, "../cifar10/test-5000.tar")]);
    await model.validate(images, { onPrediction: (image) => sample.add(image) });
    const { temperature, calibrationError } = fitConfidence(sample.answers, "test images").confidence!;
    return { ...calibrationError!, temperature };
  } finally {
    await model.release();
  }
}

function shown(values: readonly number[], digits: number): string {
  if (values.some(Number.isNaN)) return "";
  const { mean, error } = meanAndError(values);
  return `${mean.toFixed(digits)} ± ${error.toFixed(digits)}`;
}
