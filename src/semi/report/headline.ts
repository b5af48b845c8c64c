import { count, markup, percent, type Markup } from "../../train/report/index.ts";
import { runsOf } from "./arm-names.ts";
import type { MeasuredOn, SemiReportData } from "./data.ts";
import { gain } from "./gain.ts";
import { spread, type Spread } from "./spread.ts";

/** The outcome in one sentence, no stronger than the numbers are. */
export function headline(data: SemiReportData): Markup {
  const student = runsOf(data.arms, "finetuned");
  const baseline = runsOf(data.arms, "supervised");
  const { measuredOn, counts } = data;
  const unlabelled = count(counts.unlabelled);
  if (student.length === 0 && counts.finetuneImages === undefined)
    return markup`The student is not fine-tuned yet: there is no outcome to show.`;
  if (!measuredOn || student.length === 0)
    return markup`How good the model is was not measured: no labelled images were kept back for it.`;
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
