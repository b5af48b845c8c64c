import { resolveRecipe, type Recipe } from "../train/index.ts";
import type { RecipeChoice, SemiSettings } from "./settings/index.ts";

/** What a stage does. */
export type StageKind =
  "weak" | "teach" | "score" | "select" | "pretrain" | "finetune" | "supervised" | "measure";

/** A step of the pipeline; it reads and writes files only. */
export interface Stage {
  readonly kind: StageKind;
  /** Its folder below that of the run, which names it. */
  readonly folder: string;
  /** Folders of the stages whose files it reads. */
  readonly needs: readonly string[];
  /** The settings that say what it reads, besides the files of other stages. */
  readonly reads: Partial<SemiSettings>;
  /** The settings that decide what comes out of it, besides what it reads. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Folder of what a training starts from. */
export type Start = { readonly folder: string } | { readonly model: string; readonly scratch: boolean };

/** Settings of a stage that trains. */
export interface TrainingSettings extends Readonly<Record<string, unknown>> {
  readonly start: Start;
  /** Complete but for its length, where the length follows from other stages. */
  readonly recipe: Recipe;
  readonly exif: boolean;
}

/**
 * The stages of a run, in an order in which each comes after those it needs.
 *
 * The teacher is trained, scores the unlabelled images, the best of each class are selected, the student is trained on
 * those from random weights and then on the labelled images (Yalniz et al. 2019, section 3).
 */
export function planStages(settings: SemiSettings): readonly Stage[] {
  const stages: Stage[] = [];
  const add = (stage: Stage): string => {
    stages.push(stage);
    return stage.folder;
  };
  const { rounds, baseline, pretrainRecipe, labelled, validation, test, unlabelled } = settings;
  const reads = labelledOf(settings);
  let teacher = addTeacher(settings, add);
  const student = { model: settings.student ?? settings.teacher ?? "", scratch: true };
  let pretrained = "";
  for (let round = 1; round <= rounds; round++) {
    // The first round stands where a run of one round does, which further rounds go on from.
    const inRound = (name: string): string => (round === 1 ? name : `round-${round}/${name}`);
    const scores = add({
      kind: "score",
      folder: inRound("scores"),
      needs: teacher === undefined ? [] : [teacher],
      reads: { labelled, validation, test, unlabelled, teacher: settings.teacher },
      settings: {
        p: settings.p,
        exif: settings.exif,
        shardImages: settings.shardImages,
      },
    });
    const selection = add({
      kind: "select",
      folder: inRound("selection"),
      needs: [scores],
      reads: {},
      settings: selectionSettings(settings),
    });
    pretrained = add({
      kind: "pretrain",
      folder: inRound("pretrain"),
      needs: [selection, scores],
      reads,
      settings: training(settings, student, pretrainRecipe),
    });
    teacher = add({
      kind: "finetune",
      folder: inRound("finetune"),
      needs: [pretrained],
      reads,
      settings: training(settings, { folder: pretrained }, settings.finetuneRecipe),
    });
  }
  const finetuned = teacher!;
  if (baseline) addBaseline(settings, student, [pretrained, finetuned], add);
  add({
    kind: "measure",
    folder: "results",
    needs: stages.map(({ folder }) => folder),
    reads: { ...reads, test },
    settings: { exif: settings.exif },
  });
  return stages;
}

function labelledOf({ labelled, validation, validationShare }: SemiSettings): Stage["reads"] {
  return { labelled, validation, ...(validation ? {} : { validationShare }) };
}

function addTeacher(settings: SemiSettings, add: (stage: Stage) => string): string | undefined {
  const { teach, teacher, scratch, weak, weakRecipe, teachRecipe } = settings;
  if (!teach) return undefined;
  const first: Start = { model: teacher ?? "", scratch };
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
    needs: "folder" in start ? [start.folder] : [],
    reads: labelledOf(settings),
    settings: training(settings, start, teachRecipe),
  });
}

/** The student's architecture on the labelled images alone, for as many images as the student sees. */
function addBaseline(
  settings: SemiSettings,
  student: Start,
  trainings: readonly string[],
  add: (stage: Stage) => string,
): void {
  const { supervisedRecipe, pretrainRecipe, finetuneRecipe } = settings;
  const lengths = [pretrainRecipe, finetuneRecipe].map((choice) => {
    const { images: length, batchSize } = training(settings, student, choice).recipe;
    return length && batchSize * Math.ceil(length / batchSize);
  });
  const known = lengths.every((length) => length !== null);
  const images = lengths.reduce<number>((sum, length) => sum + (length ?? 0), 0);
  const choice = supervisedRecipe ?? pretrainRecipe;
  add({
    kind: "supervised",
    folder: "supervised",
    // Lengths in epochs follow from how much is selected.
    needs: known ? [] : trainings,
    reads: labelledOf(settings),
    settings: training(settings, student, known ? { ...choice, epochs: null, images } : choice),
  });
}

function selectionSettings({ k, ranking, threshold, duplicateDistance }: SemiSettings): Stage["settings"] {
  return { k, ranking, ...(ranking === "threshold" ? { threshold } : {}), duplicateDistance };
}

/** All stages hold the same images out, so a recipe has no say in it. */
function training({ seed, exif }: SemiSettings, start: Start, choice: RecipeChoice): TrainingSettings {
  const recipe = resolveRecipe([
    { name: "the recipe", values: choice },
    { name: "the run", values: { seed, validationShare: 0 } },
  ]);
  return { start, recipe, exif };
}
