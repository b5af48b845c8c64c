import { basename, resolve } from "node:path";
import {
  settingsText,
  type SelectionRecord,
  type SelectionSummary,
  type SemiReportData,
  type SemiSettings,
} from "../../../semi/index.ts";
import { machineFacts } from "../../trainer/machine-facts.ts";
import { arms } from "./arms.ts";
import { confusion } from "./confusion.ts";
import { costs } from "./costs.ts";
import { counts } from "./counts.ts";
import { curves } from "./curves.ts";
import { provenance } from "./provenance.ts";
import type { StandingRun } from "./standing-run.ts";
import { sweeps } from "./sweeps.ts";

/** What the first run selected. */
export interface ShownSelection {
  readonly summary: SelectionSummary;
  readonly record: SelectionRecord;
}

/** Gathers what stands of all runs; pictures, counts and curves are those of the first run. */
export async function gather(
  runs: readonly StandingRun[],
  settings: SemiSettings,
  selection: ShownSelection | undefined,
  status: SemiReportData["status"],
): Promise<SemiReportData> {
  const [run] = runs as readonly [StandingRun, ...StandingRun[]];
  const { context } = run;
  const { classes, training } = await context.labelled();
  const sizes = { labelled: training.images.size ?? 0, classes: classes.length };
  return {
    title: basename(resolve(context.out)),
    summary: summaryOf(settings),
    status,
    classes,
    measuredOn: measuredOn(run),
    arms: arms(runs),
    counts: counts(run, sizes, selection?.summary),
    selection: selection?.record,
    confusion: confusion(runs, classes.length),
    curves: await curves(run),
    sweeps: sweeps(runs, settings),
    stages: costs(runs),
    machine: machineFacts(context.execution.device),
    settings: settingsText(settings),
    provenance: provenance(run),
  };
}

function summaryOf({ teacher, student, labelled, unlabelled }: SemiSettings): string {
  const data = [...labelled, ...unlabelled];
  const shown = data.slice(0, mostInputs).join(", ") + (data.length > mostInputs ? ", …" : "");
  return `Teacher ${teacher}, student ${student ?? teacher}; images from ${shown}.`;
}

const mostInputs = 6;

function measuredOn({ results, settings }: StandingRun): SemiReportData["measuredOn"] {
  const [model] = results?.models ?? [];
  if (!results || !model) return undefined;
  return { set: settings.test ? "test" : "validation", name: results.data, images: model.images };
}
