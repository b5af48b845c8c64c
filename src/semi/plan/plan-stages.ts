import { resolveRecipe } from "../../train/index.ts";
import type { RecipeChoice, SemiSettings } from "../settings/settings.ts";
import type {
  Method,
  ScoreSettings,
  SelectionSettings,
  Stage,
  StageKind,
  Start,
  TrainingSettings,
  TuneStage,
} from "./stage.ts";

/** Stages that a run's model may come from, and that of their measurement. */
const chosenFrom: ReadonlySet<StageKind> = new Set<StageKind>([
  "teach",
  "finetune",
  "supervised",
  "fit",
  "joint",
  "alone",
  "tune",
  "tune-alone",
  "measure",
]);

/** Says in which folder a stage stands that is planned for `stage.folder`; the stages that it needs have their places. */
export type PlaceStage = (stage: Stage) => string;

/**
 * The stages of a run, in an order in which each comes after those it needs.
 *
 * @param settings Where `method` is `auto`, the stages are those of `paper`, and without mode `full` the network stays as it
 *   is: `chooseMethods` decides.
 */
export function planStages(
  settings: SemiSettings,
  place: PlaceStage = ({ folder }) => folder,
): readonly Stage[] {
  const stages: Stage[] = [];
  const add: AddStage = (stage) => {
    const folder = place(stage);
    stages.push({ ...stage, folder });
    return folder;
  };
  const method = settings.method === "auto" ? "paper" : settings.method;
  const { studentStart } = settings;
  const startsOtherwise = method === "paper" && studentStart !== "random";
  if (method === "paper") addPaper(settings, add);
  else addLabelStages(settings, method, add);
  add({
    kind: "measure",
    folder: "results",
    needs: stages.map(({ folder }) => folder),
    reads: { ...labelledOf(settings), test: settings.test },
    settings: { exif: settings.exif },
  });
  add({
    kind: "choose",
    folder: "best",
    needs: stages.filter(({ kind }) => chosenFrom.has(kind)).map(({ folder }) => folder),
    reads: labelledOf(settings),
    settings: { method, ...(startsOtherwise ? { studentStart } : {}) },
  });
  return stages;
}

/**
 * The teacher is trained, scores the unlabelled images, the best of each class are selected, the student is trained on
 * those, from random weights unless another start is asked for, and then on the labelled images (Yalniz et al. 2019, section 3).
 */
function addPaper(settings: SemiSettings, add: AddStage): void {
  const { rounds, baseline, pretrainRecipe, finetuneRecipe, labelled, validation, test, unlabelled } =
    settings;
  const reads = labelledOf(settings);
  let teacher = addTeacher(settings, add);
  const first = studentOf(settings, teacher);
  /** What the last student has gone through since `first`. */
  let trainings: readonly StudentTraining[] = [];
  for (let round = 1; round <= rounds; round++) {
    // The first round stands where a run of one round does, which further rounds go on from.
    const inRound = (name: string): string => (round === 1 ? name : `round-${round}/${name}`);
    const scores = add({
      kind: "score",
      folder: inRound("scores"),
      needs: teacher === undefined ? [] : [teacher],
      reads: { labelled, ...tableOf(settings), validation, test, unlabelled, teacher: settings.teacher },
      settings: {
        p: settings.p,
        exif: settings.exif,
        shardImages: settings.shardImages,
        ...(teacher === undefined ? ofGivenTeacher(settings) : {}),
      },
    });
    const selection = add({
      kind: "select",
      folder: inRound("selection"),
      needs: [scores],
      reads: {},
      settings: selectionSettings(settings),
    });
    const start = studentOf(settings, teacher);
    const pretrained = add({
      kind: "pretrain",
      folder: inRound("pretrain"),
      needs: [selection, scores, ...neededBy(start)],
      reads,
      settings: training(settings, start, pretrainRecipe),
    });
    teacher = add({
      kind: "finetune",
      folder: inRound("finetune"),
      needs: [pretrained],
      reads,
      settings: training(settings, { folder: pretrained }, finetuneRecipe),
    });
    const student = [
      { folder: pretrained, recipe: pretrainRecipe },
      { folder: teacher, recipe: finetuneRecipe },
    ];
    trainings = [...(settings.studentStart === "teacher" ? trainings : []), ...student];
  }
  if (baseline) addBaseline(settings, first, trainings, add);
}

/**
 * The network is adapted to all images without labels, in method `adapt`; then the labels train a classifier, and in mode
 * `full` the whole network from there, in method `joint` together with images that the classifier selects. The same without
 * the unlabelled images is there to compare with.
 */
function addLabelStages(settings: SemiSettings, method: Exclude<Method, "paper">, add: AddStage): void {
  const { labelled, unlabelled, adaptRecipe, adaptEpochs, adaptImages } = settings;
  const given = givenModel(settings);
  const adapted =
    method !== "adapt"
      ? undefined
      : add({
          kind: "adapt",
          folder: "adapted",
          needs: [],
          reads: { labelled, ...tableOf(settings), unlabelled },
          settings: {
            ...training(settings, given, { ...adaptRecipe, epochs: adaptEpochs }),
            images: adaptImages,
          },
        });
  const head = add({
    kind: "fit",
    folder: "labels",
    needs: adapted === undefined ? [] : [adapted],
    reads: { labelled, ...tableOf(settings), unlabelled },
    settings: training(settings, adapted === undefined ? given : { folder: adapted }, headRecipe),
  });
  if (method === "joint") addJoint(settings, head, add);
  else if (settings.mode === "full") addTuning(settings, "tune", "tuned", head, add);
  const alone = add({
    kind: "alone",
    folder: "labels-alone",
    needs: [],
    reads: { labelled, ...tableOf(settings) },
    settings: training(settings, given, headRecipe),
  });
  if (settings.mode === "full" || method === "joint")
    addTuning(settings, "tune-alone", "tuned-alone", alone, add);
}

/** The classifier, with a class for what is none of the others, ranks the unlabelled images, and learns from the best. */
function addJoint(settings: SemiSettings, head: string, add: AddStage): void {
  const { labelled, unlabelled, test, noneImages, seed, exif, shardImages } = settings;
  const teacher =
    noneImages === null
      ? head
      : add({
          kind: "none-class",
          folder: "none-class",
          needs: [head],
          reads: { labelled, ...tableOf(settings), unlabelled },
          settings: { noneImages, seed },
        });
  const scores = add({
    kind: "score",
    folder: "scores",
    needs: [teacher],
    reads: { labelled, ...tableOf(settings), test, unlabelled },
    // An image that counts for two classes would contradict itself.
    settings: { p: 1, exif, shardImages },
  });
  const selection = add({
    kind: "select",
    folder: "selection",
    needs: [scores],
    reads: {},
    settings: selectionSettings(settings),
  });
  add({
    kind: "joint",
    folder: "joint",
    needs: [head, selection, scores],
    reads: { labelled, ...tableOf(settings), unlabelled },
    settings: training(settings, { folder: head }, settings.tuneRecipe),
  });
}

const headRecipe: RecipeChoice = { base: "quick", mode: "head", smoothing: 0 };

function addTuning(
  settings: SemiSettings,
  kind: TuneStage["kind"],
  folder: string,
  head: string,
  add: AddStage,
): void {
  add({
    kind,
    folder,
    needs: [head],
    reads: { labelled: settings.labelled, ...tableOf(settings) },
    settings: training(settings, { folder: head }, settings.tuneRecipe),
  });
}

/** @returns where the stage stands. */
type AddStage = (stage: Stage) => string;

function labelledOf(settings: SemiSettings): Stage["reads"] {
  const { labelled, validation, validationShare } = settings;
  return { labelled, ...tableOf(settings), validation, ...(validation ? {} : { validationShare }) };
}

/** Where labels come from, if not from the images. */
const tableOf = ({ labelsFile, imageColumn, labelColumn }: SemiSettings): Stage["reads"] =>
  labelsFile === null ? {} : { labelsFile, imageColumn, labelColumn };

/** The model that the settings name to start from. */
export const givenModel = (settings: SemiSettings): Exclude<Start, { readonly folder: string }> => ({
  model: settings.teacher ?? "",
  scratch: settings.scratch,
  ...givenWeights(settings),
});

const givenWeights = ({ ema, key }: SemiSettings): Pick<ScoreSettings, "ema" | "key"> => ({
  ...(ema ? { ema } : {}),
  ...(key === null ? {} : { key }),
});

/** What a student starts from. @param teacher Where the teacher stands that is trained */
function studentOf(settings: SemiSettings, teacher: string | undefined): Start {
  const { student, studentStart } = settings;
  if (studentStart === "teacher") return teacher === undefined ? givenModel(settings) : { folder: teacher };
  const scratch = studentStart === "random";
  return student === null ? { ...givenModel(settings), scratch } : { model: student, scratch };
}

const neededBy = (start: Start): readonly [] | readonly [string] => ("folder" in start ? [start.folder] : []);

/** What else decides on the scores of a teacher that is taken as it is. */
const ofGivenTeacher = (settings: SemiSettings): Partial<ScoreSettings> => ({
  ...givenWeights(settings),
  ...(settings.labels === null ? {} : { labels: settings.labels }),
});

function addTeacher(settings: SemiSettings, add: AddStage): string | undefined {
  const { teach, weak, weakRecipe, teachRecipe } = settings;
  if (!teach) return undefined;
  const first = givenModel(settings);
  const start: Start = weak
    ? {
        folder: add({
          kind: "weak",
          folder: "weak-teacher",
          needs: [],
          reads: { weak },
          settings: training(settings, first, weakRecipe),
        }),
      }
    : first;
  return add({
    kind: "teach",
    folder: "teacher",
    needs: neededBy(start),
    reads: labelledOf(settings),
    settings: training(settings, start, teachRecipe),
  });
}

/** A training that a student goes through, as its stage's folder and recipe. */
interface StudentTraining {
  readonly folder: string;
  readonly recipe: RecipeChoice;
}

/** The student's network on the labelled images alone, from the same start, for as many images as the student sees. */
function addBaseline(
  settings: SemiSettings,
  student: Start,
  trainings: readonly StudentTraining[],
  add: AddStage,
): void {
  const { supervisedRecipe, pretrainRecipe } = settings;
  const lengths = trainings.map(({ recipe }) => {
    const { images: length, batchSize } = training(settings, student, recipe).recipe;
    return length && batchSize * Math.ceil(length / batchSize);
  });
  const known = lengths.every((length) => length !== null);
  const images = lengths.reduce<number>((sum, length) => sum + (length ?? 0), 0);
  const choice = supervisedRecipe ?? pretrainRecipe;
  add({
    kind: "supervised",
    folder: "supervised",
    // Lengths in epochs follow from how much is selected.
    needs: [...neededBy(student), ...(known ? [] : trainings.map(({ folder }) => folder))],
    reads: labelledOf(settings),
    settings: training(settings, student, known ? { ...choice, epochs: null, images } : choice),
  });
}

function selectionSettings(settings: SemiSettings): SelectionSettings {
  const { k, ranking, threshold, duplicateDistance, keepDuplicates } = settings;
  return { k, ranking, ...(ranking === "threshold" ? { threshold } : {}), duplicateDistance, keepDuplicates };
}

/** All stages hold the same images out and turn them alike, so a recipe has no say in it. */
function training({ seed, exif }: SemiSettings, start: Start, choice: RecipeChoice): TrainingSettings {
  const recipe = resolveRecipe(
    [
      { name: "the recipe", values: choice },
      { name: "the run", values: { seed, exif, validationShare: 0 } },
    ],
    // What was asked for in vain was refused with the settings.
    { idle: "kept" },
  );
  return { start, recipe };
}
