import { variantName } from "../../plan/plan-runs.ts";
import { startOf, type Stage, type StageKind } from "../../plan/stage.ts";
import type { SemiSettings } from "../../settings/settings.ts";
import { givenTeacher } from "../../stages/measure.ts";
import type { Arm, ArmRun, SweepFigure, SweepPoint } from "../data.ts";
import { isOwnRun, ownArms } from "./own-photos.ts";
import { lastManifest, lastStage, type StandingRun } from "./standing-run.ts";

type ArmWords = Omit<Arm, "runs">;

interface ArmStage extends ArmWords {
  readonly folder: string;
}

/** What was trained and measured: the settings as they are, then each variant, a run for each seed. */
export function arms(runs: readonly StandingRun[]): readonly Arm[] {
  const found = new Map<string, ArmWords & { readonly runs: ArmRun[] }>();
  for (const run of runs) {
    for (const { folder, ...words } of armStages(run, runs)) {
      const measured = armRun(run, folder);
      if (!measured) continue;
      const key = `${words.kind} ${words.name ?? ""}`;
      // It is the same one with every seed.
      if (folder === givenTeacher && found.has(key)) continue;
      const arm = found.get(key) ?? { ...words, runs: [] };
      arm.runs.push(measured);
      found.set(key, arm);
    }
  }
  return [...found.values()];
}

const armStages = (run: StandingRun, runs: readonly StandingRun[]): readonly ArmStage[] =>
  run.variant === undefined ? baseArms(run) : variantArms(run, run.variant, runs);

const armKinds: { readonly [K in StageKind]?: Arm["kind"] } = {
  supervised: "supervised",
  teach: "teacher",
  pretrain: "pretrained",
  finetune: "finetuned",
  ...ownArms,
};

function baseArms(run: StandingRun): readonly ArmStage[] {
  const given: readonly ArmStage[] =
    run.settings.teach || isOwnRun(run) ? [] : [{ kind: "teacher", folder: givenTeacher }];
  const students = run.stages.filter(({ kind }) => kind === "finetune");
  const trained = run.stages.flatMap(({ kind, folder }): readonly ArmStage[] => {
    const arm = armKinds[kind];
    if (!arm) return [];
    if (lastStage(run, kind)?.folder === folder) return [{ kind: arm, folder }];
    if (kind !== "finetune") return [];
    const round = students.findIndex((student) => student.folder === folder) + 1;
    return [
      { kind: "other", name: `Student of round ${round}`, summary: "teacher of the next round", folder },
    ];
  });
  return [...given, ...trained];
}

const variantWords: { readonly [K in StageKind]?: string } = {
  finetune: "",
  pretrain: ", pre-trained only",
  teach: ", teacher",
  supervised: ", supervised baseline",
  fit: ", frozen",
  tune: ", tuned",
  joint: ", tuned with selected images",
};

/** Models that a variant does not share with the settings as they are; of a value that is swept the outcome only. */
function variantArms(run: StandingRun, variant: string, runs: readonly StandingRun[]): readonly ArmStage[] {
  const base = runs.find((other) => other.variant === undefined && other.settings.seed === run.settings.seed);
  const shared = new Set(base?.stages.map(({ folder }) => folder));
  const shown = ({ kind, folder }: Stage): boolean =>
    !shared.has(folder) &&
    lastStage(run, kind)?.folder === folder &&
    (kind === "finetune" || !isSwept(run.settings, variant));
  const summary = changedValues(base?.settings ?? run.settings, variant);
  return run.stages.filter(shown).flatMap(({ kind, folder }) => {
    const words = variantWords[kind];
    return words === undefined ? [] : [{ kind: "other", name: `${variant}${words}`, summary, folder }];
  });
}

/** The accuracy of a stage's model and what it took; undefined unless it is measured. */
function armRun(run: StandingRun, folder: string): ArmRun | undefined {
  const measured = run.results?.models.find(({ stage }) => stage === folder);
  // Of the other methods classifiers have the accuracy of their cross-validation where there is no test set.
  const top1 = measured?.top1 ?? run.manifests.get(folder)?.counts["cross-validated top-1"];
  if (top1 === undefined || (!measured && run.settings.test)) return undefined;
  const top5 = measured?.top5 ?? NaN;
  return { seed: run.settings.seed, top1, top5, right: measured?.right, ...trainingCost(run, folder) };
}

/** Cost of a training together with those that it started from, where it is one of the run's; a teacher's is a part of its student's only if that goes on from it. */
function trainingCost(
  { stages, manifests }: StandingRun,
  folder: string,
): Pick<ArmRun, "imagesProcessed" | "seconds"> {
  if (!manifests.has(folder)) return { imagesProcessed: undefined, seconds: undefined };
  let [imagesProcessed, seconds] = [0, 0];
  for (let at: string | undefined = folder; at !== undefined;) {
    const manifest = manifests.get(at)!;
    imagesProcessed += manifest.counts["imagesProcessed"]!;
    seconds += manifest.seconds;
    const stage = stages.find(({ folder: own }) => own === at);
    const start = stage && startOf(stage);
    at = start && "folder" in start ? start.folder : undefined;
  }
  return { imagesProcessed, seconds };
}

/** A value of a setting that is tried, under the name of its variant. */
interface SweptVariant {
  readonly value: unknown;
  readonly name: string;
}

/** The variants of each setting that is swept. */
function sweptVariants({ sweep }: SemiSettings): ReadonlyMap<string, readonly SweptVariant[]> {
  return new Map(
    Object.entries(sweep).map(([key, values]) => [
      key,
      values.map((value) => ({ value, name: variantName({ key, value }) })),
    ]),
  );
}

const isSwept = (settings: SemiSettings, variant: string): boolean =>
  [...sweptVariants(settings).values()].flat().some(({ name }) => name === variant);

const longest = 80;

/** What a variant changes in the settings, unless its name says it: as in `ranking unbalanced, finetuneRecipe epochs 5`. */
function changedValues(settings: SemiSettings, variant: string): string {
  const text = Object.entries(settings.variants[variant] ?? {})
    .map(([key, value]) => `${key} ${valueText(value, settings[key as keyof SemiSettings])}`)
    .join(", ");
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

/** A value, or of values by name those that differ from the usual ones. */
function valueText(value: unknown, usual: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return JSON.stringify(value);
  return Object.entries(value)
    .filter(([name, own]) => own !== (usual as Readonly<Record<string, unknown>> | null)?.[name])
    .map(([name, own]) => `${name} ${valueText(own, undefined)}`)
    .join(", ");
}

/** Accuracy of the student over each setting that was swept and can be put on an axis. */
export function sweeps(runs: readonly StandingRun[], settings: SemiSettings): readonly SweepFigure[] {
  return [...sweptVariants(settings)].flatMap(([key, variants]) => {
    const points = [undefined, ...variants.map(({ name }) => name)].flatMap((variant) =>
      sweepPoint(
        runs.filter((run) => run.variant === variant),
        key,
      ),
    );
    const values = new Set(points.map(({ value }) => value));
    if (values.size < 2) return [];
    return [{ title: titles[key] ?? key, lines: [{ name: "fine-tuned student", points }] }];
  });
}

const titles: Readonly<Record<string, string>> = {
  k: "K, images of each class",
  p: "P, classes kept of each image",
  labelled: "Labelled images",
  unlabelled: "Unlabelled images",
  pretrainRecipe: "Images processed in pre-training",
  finetuneRecipe: "Images processed in fine-tuning",
};

/** The accuracies of the runs of one value, one for each seed; no point where the value is no number. */
function sweepPoint(runs: readonly StandingRun[], key: string): readonly SweepPoint[] {
  const measured = runs.flatMap((run) => {
    const student = lastStage(run, "finetune")?.folder;
    const model = run.results?.models.find(({ stage }) => stage === student);
    return model ? [{ run, top1: model.top1 }] : [];
  });
  const [first] = measured;
  const value = first && valueOf(first.run, key);
  return value === undefined ? [] : [{ value, top1: measured.map(({ top1 }) => top1) }];
}

/** A setting as a number: data and lengths of trainings by how many images they come to. */
function valueOf(run: StandingRun, key: string): number | undefined {
  const derived = counted[key]?.(run);
  if (derived !== undefined) return derived;
  const value = run.settings[key as keyof SemiSettings];
  return typeof value === "number" ? value : undefined;
}

const counted: Readonly<Record<string, (run: StandingRun) => number | undefined>> = {
  k: (run) => lastManifest(run, "select")?.counts["k"],
  labelled: (run) => lastManifest(run, "finetune")?.counts["images"],
  unlabelled: (run) => lastManifest(run, "score")?.counts["images"],
  pretrainRecipe: (run) => lastManifest(run, "pretrain")?.counts["imagesProcessed"],
  finetuneRecipe: (run) => lastManifest(run, "finetune")?.counts["imagesProcessed"],
};
