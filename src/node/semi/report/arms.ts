import type { Arm, ArmRun, Stage, StageKind } from "../../../semi/index.ts";
import { givenTeacher } from "../results.ts";
import { armRun } from "./arm-run.ts";
import { lastStage, type StandingRun } from "./standing-run.ts";
import { changedValues, isSwept } from "./variants.ts";

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
};

function baseArms(run: StandingRun): readonly ArmStage[] {
  const given: readonly ArmStage[] = run.settings.teach ? [] : [{ kind: "teacher", folder: givenTeacher }];
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
