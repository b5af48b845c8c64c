import { page } from "../../train/report/index.ts";
import { armCurves } from "./arm-curves.ts";
import { armTable } from "./arm-table.ts";
import { classChanges } from "./class-changes.ts";
import { classSelection } from "./class-selection.ts";
import { confusions } from "./confusions.ts";
import { cost } from "./cost.ts";
import type { SemiReportData } from "./data.ts";
import { opening } from "./opening.ts";
import { otherArms } from "./other-arms.ts";
import { pseudoLabels } from "./pseudo-labels.ts";
import { steps } from "./steps.ts";
import { strips } from "./strips.ts";
import { semiStyle } from "./style.ts";
import { sweeps } from "./sweeps.ts";

/**
 * A page of its own that shows a semi-supervised run: what the unlabelled images brought and how sure that is, what
 * the teacher picked, where the models err, and what it cost. It opens without a network and asks for nothing from
 * one; what a run does not have is left out.
 */
export function semiReport(data: SemiReportData): string {
  const content = [
    opening(data),
    steps(data.counts, data.classes.length),
    strips(data),
    pseudoLabels(data),
    classSelection(data),
    classChanges(data),
    armTable(data.arms),
    otherArms(data.arms),
    sweeps(data),
    armCurves(data.curves ?? []),
    confusions(data),
    cost(data),
  ];
  return page(data.title, content, semiStyle);
}
