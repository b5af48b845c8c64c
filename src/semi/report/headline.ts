import { count, markup, percent, type Markup } from "../../train/report/index.ts";
import { runsOf } from "./arm-names.ts";
import type { MeasuredOn, SemiReportData } from "./data.ts";
import { gain, type Gain } from "./gain.ts";
import { plusMinus, spread, type Spread } from "./spread.ts";

/** The outcome in one sentence, no stronger than the numbers are. */
export function headline(data: SemiReportData): Markup {
  const student = runsOf(data.arms, "finetuned");
  const baseline = runsOf(data.arms, "supervised");
  const { measuredOn, counts } = data;
  const unlabelled = count(counts.unlabelled);
  if (!measuredOn)
    return markup`How good the model is was not measured: no labelled images were kept back for it.`;
  if (student.length === 0) return markup`The student is not fine-tuned yet: there is no outcome to show.`;
  const reached = strong(spread(student.map(({ top1 }) => top1)));
  const images = measured(measuredOn);
  if (baseline.length === 0)
    return markup`With ${unlabelled} unlabelled images the model is right on ${reached} of ${images}. What they brought is not known: the supervised baseline was not trained.`;
  const before = strong(spread(baseline.map(({ top1 }) => top1)));
  const { verdict } = gain(baseline, student, measuredOn.images);
  if (verdict === "better")
    return markup`With ${unlabelled} unlabelled images the model is right on ${reached} of ${images}, instead of ${before} without them.`;
  if (verdict === "worse")
    return markup`The ${unlabelled} unlabelled images did harm: with them the model is right on ${reached} of ${images}, instead of ${before} without them.`;
  return markup`With ${unlabelled} unlabelled images the model is right on ${reached} of ${images}, without them on ${before}: too close to tell apart from chance.`;
}

const strong = ({ mean }: Spread): Markup => markup`<b>${percent(mean)}</b>`;

const measured = ({ set }: MeasuredOn): string => (set === "test" ? "new images" : "the validation images");

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
export function verdict({ arms, measuredOn }: SemiReportData): Markup | undefined {
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

/** One digit after the point, always with a sign, and a true minus. */
export function signed(points: number): string {
  const digits = Math.abs(points).toFixed(1);
  if (Number(digits) === 0) return digits;
  return `${points < 0 ? "−" : "+"}${digits}`;
}
