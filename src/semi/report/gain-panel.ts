import { markup, type Markup } from "../../train/report/index.ts";
import { runsOf } from "./arm-names.ts";
import type { SemiReportData } from "./data.ts";
import { gain, type Gain } from "./gain.ts";
import { signed } from "./signed.ts";
import { plusMinus, spread } from "./spread.ts";

const verdicts = {
  better: "percentage points more right answers than with labelled images alone",
  worse: "percentage points: fewer right answers than with labelled images alone",
  unclear: "percentage points against labelled images alone: within noise",
} as const satisfies Record<Gain["verdict"], string>;

const bases = {
  "paired seeds": "over the seeds, pair by pair",
  seeds: "over the seeds",
  images: "over the choice of images; a single run shows nothing of the seeds' noise",
} as const satisfies Record<Gain["basis"], string>;

/** The gain in large figures, and how sure it is; the student's accuracy alone where there is no baseline. */
export function gainPanel({ arms, measuredOn }: SemiReportData): Markup | undefined {
  const student = runsOf(arms, "finetuned");
  const baseline = runsOf(arms, "supervised");
  if (!measuredOn || student.length === 0) return undefined;
  const reached = spread(student.map(({ top1 }) => top1));
  if (baseline.length === 0) return markup`<p class="gain"><b>${plusMinus(reached)}</b> % right</p>`;
  const found = gain(baseline, student, measuredOn.images);
  return markup`<div class="gain ${found.verdict}">
<p><b>${signed(found.points)}</b></p>
<p class="meaning">${verdicts[found.verdict]}</p>
<p>95 % interval ${signed(found.low)} to ${signed(found.high)}, ${bases[found.basis]}</p>
</div>`;
}
