import { join } from "node:path";
import { semiReport, type SemiReportData, type SemiSettings } from "../../../semi/index.ts";
import { writeFileAtomic } from "../../write-file.ts";
import type { WrittenReport } from "../events.ts";
import { readSummary } from "../read-summary.ts";
import { gather, type ShownSelection } from "./gather.ts";
import { selectionRecord } from "./selection-record.ts";
import { lastStage, standingRuns, type ContextRun, type StandingRun } from "./standing-run.ts";

/** The page of a study, which can be written again and again while the study goes on. */
export interface Report {
  /**
   * Replaces the page by one of what stands now.
   *
   * @returns undefined when no scores stand, before which there is nothing to show.
   * @throws DataError when files of a stage cannot be read, or the page cannot be written.
   */
  write(status: NonNullable<SemiReportData["status"]>): Promise<WrittenReport | undefined>;
}

/** @param runs The first one is that of the first seed, of the settings as they are. */
export function openReport(out: string, settings: SemiSettings, runs: readonly ContextRun[]): Report {
  const path = join(out, "report.html");
  let hash = "";
  let shown: ShownSelection | undefined;
  return {
    async write(status) {
      const standing = await standingRuns(runs);
      const run = standing[0]!;
      const [scores, selection] = [lastStage(run, "score")!, lastStage(run, "select")!];
      if (!run.manifests.has(scores.folder)) return undefined;
      const selected = run.manifests.get(selection.folder)?.outputs["selection.parquet"];
      if (selected !== hash) shown = selected === undefined ? undefined : await shownSelection(run);
      hash = selected ?? "";
      const data = await gather(standing, settings, shown, status);
      await writeFileAtomic(path, [Buffer.from(semiReport(data))]);
      return { path, arms: data.arms };
    },
  };
}

async function shownSelection(run: StandingRun): Promise<ShownSelection> {
  const { context } = run;
  const folders = { selection: lastStage(run, "select")!.folder, scores: lastStage(run, "score")!.folder };
  const summary = await readSummary(context.path(folders.selection));
  return { summary, record: await selectionRecord(context, folders, summary) };
}
