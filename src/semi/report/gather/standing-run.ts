import type { SemiContext } from "../../context.ts";
import type { PlannedRun } from "../../plan/plan-runs.ts";
import type { Stage, StageKind } from "../../plan/stage.ts";
import { openStage } from "../../stages/do-stage.ts";
import { changesOf, readManifest, type Manifest } from "../../stages/manifest.ts";
import { readResults, type Results } from "../../stages/measure.ts";

/** A planned run with what its stages share. */
export interface ContextRun extends PlannedRun {
  readonly context: SemiContext;
}

/** A run and what stands of it: stages that are complete and made from what they would be made from now. */
export interface StandingRun extends ContextRun {
  /** By the folder of the stage. */
  readonly manifests: ReadonlyMap<string, Manifest>;
  /** Undefined unless all models of the run are measured. */
  readonly results: Results | undefined;
}

/** Looks at the stages of runs, those that runs share once. */
export async function standingRuns(runs: readonly ContextRun[]): Promise<readonly StandingRun[]> {
  const manifests = new Map<string, Manifest>();
  const looked = new Set<string>();
  const found: StandingRun[] = [];
  for (const run of runs) {
    for (const stage of run.stages) {
      if (looked.has(stage.folder)) continue;
      looked.add(stage.folder);
      const manifest = await standingManifest(run.context, stage, manifests);
      if (manifest) manifests.set(stage.folder, manifest);
    }
    const { storage, path } = run.context;
    const measure = run.stages.find(({ kind }) => kind === "measure")!;
    const results = manifests.has(measure.folder)
      ? await readResults(storage, path(measure.folder))
      : undefined;
    found.push({ ...run, manifests, results });
  }
  return found;
}

async function standingManifest(
  context: SemiContext,
  stage: Stage,
  standing: ReadonlyMap<string, Manifest>,
): Promise<Manifest | undefined> {
  if (!stage.needs.every((needed) => standing.has(needed))) return undefined;
  const manifest = await readManifest(context.storage, context.path(stage.folder));
  if (manifest?.status !== "done") return undefined;
  const { origin } = await openStage(context, stage);
  return changesOf(manifest, origin).length === 0 ? manifest : undefined;
}

/** The last stage of a kind, which is that of the last round. */
export const lastStage = ({ stages }: PlannedRun, kind: StageKind): Stage | undefined =>
  stages.findLast((stage) => stage.kind === kind);

/** The manifest of the last stage of a kind, if that stands. */
export function lastManifest(run: StandingRun, kind: StageKind): Manifest | undefined {
  const stage = lastStage(run, kind);
  return stage && run.manifests.get(stage.folder);
}
