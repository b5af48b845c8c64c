import { UsageError } from "../core/index.ts";
import { resolveRecipe, type Recipe } from "../train/index.ts";
import { resolveSettings } from "./resolve-settings.ts";
import type { RecipeChoice, SemiSettings } from "./settings.ts";

/** One pass through the pipeline, of the settings as they are or of a variant of them, with one seed. */
export interface PlannedRun {
  /** Undefined for the settings as they are. */
  readonly variant: string | undefined;
  readonly settings: SemiSettings;
  readonly stages: readonly Stage[];
}

/** A setting that differs in a variant of a sweep. */
interface SweptValue {
  readonly key: string;
  readonly value: unknown;
}

/**
 * All runs of a study: for each seed the settings as they are and their variants. What variants have
 * in common with the settings as they are is done once.
 */
export function planRuns(settings: SemiSettings): readonly PlannedRun[] {
  const variants = variantsOf(settings);
  return Array.from({ length: settings.seeds }, (_, index) => {
    const seed = settings.seed + index;
    // The first seed stands where a run of one seed does, which further seeds go on from.
    const prefix = index === 0 ? "" : `seed-${seed}/`;
    const base = planStages({ ...settings, seed });
    const run = (variant: string | undefined, own: SemiSettings, stages: readonly Stage[]): PlannedRun => ({
      variant,
      settings: own,
      stages: moved(stages, (folder) => prefix + folder),
    });
    return [
      run(undefined, { ...settings, seed }, base),
      ...variants.map(({ name, settings: changed }) =>
        run(name, { ...changed, seed }, variantStages(base, name, { ...changed, seed })),
      ),
    ];
  }).flat();
}

/** Settings that a variant has in common with the settings as they are. */
const ofStudy: ReadonlySet<string> = new Set(["seed", "seeds", "sweep", "variants"]);

/** The variants by name, those of the sweep first. */
function variantsOf(
  settings: SemiSettings,
): readonly { readonly name: string; readonly settings: SemiSettings }[] {
  const changed = (name: string, values: Readonly<Record<string, unknown>>): SemiSettings =>
    resolveSettings([
      { name: "the settings", values: { ...settings } },
      { name: `variant ${name}`, values },
    ]);
  const fixed = [settings.sweep, ...Object.values(settings.variants)]
    .flatMap((values) => Object.keys(values))
    .find((key) => ofStudy.has(key));
  if (fixed !== undefined) {
    throw new UsageError("semi/settings", `A variant cannot have ${fixed} of its own; take it out.`);
  }
  const swept = Object.entries(settings.sweep).flatMap(([key, values]) =>
    values.map((value) => [variantName({ key, value }), { [key]: value }] as const),
  );
  const all = [...swept, ...Object.entries(settings.variants)];
  const names = all.map(([name]) => name);
  const long = names.find((name) => name.length > longestName);
  if (long !== undefined) {
    throw new UsageError(
      "semi/settings",
      `${long.slice(0, 40)}…: too long for a folder's name; take it out of the sweep, and give it a name of its own under variants.`,
    );
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new UsageError("semi/settings", `There are two variants ${twice}; give one of them another name.`);
  }
  return all.map(([name, values]) => ({ name, settings: changed(name, values) }));
}

const longestName = 200;

/** The name of a variant of a sweep: `k-500`. */
export function variantName({ key, value }: SweptValue): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return `${key}-${text.replaceAll(/[^\w.]+/g, "-").replaceAll(/^-|-$/g, "")}`;
}

/** The stages of a variant: those that its settings do not touch are the base's, the rest stands below `variants`. */
function variantStages(base: readonly Stage[], name: string, settings: SemiSettings): readonly Stage[] {
  const standing = new Map(base.map((stage) => [stage.folder, JSON.stringify(stage)]));
  const own = new Set<string>();
  const stages = planStages(settings);
  for (const stage of stages) {
    const isShared =
      stage.kind !== "measure" &&
      standing.get(stage.folder) === JSON.stringify(stage) &&
      !stage.needs.some((needed) => own.has(needed));
    if (!isShared) own.add(stage.folder);
  }
  return moved(stages, (folder) => (own.has(folder) ? `variants/${name}/${folder}` : folder));
}

function moved(stages: readonly Stage[], place: (folder: string) => string): readonly Stage[] {
  return stages.map(({ folder, needs, settings, ...stage }) => ({
    ...stage,
    folder: place(folder),
    needs: needs.map(place),
    settings: withStart(settings, place),
  }));
}

/** A training that starts from another stage starts from where that stands. */
function withStart(settings: Stage["settings"], place: (folder: string) => string): Stage["settings"] {
  const start = settings["start"] as { readonly folder?: string } | undefined;
  return start?.folder === undefined ? settings : { ...settings, start: { folder: place(start.folder) } };
}

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
