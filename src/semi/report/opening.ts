import { count, markup, significant, type Markup } from "../../train/report/index.ts";
import { armDots } from "./arm-dots.ts";
import { isOther, runsOf } from "./arm-names.ts";
import type { Arm, ArmRun, MeasuredOn, PipelineCounts, SemiReportData } from "./data.ts";
import { gainPanel } from "./gain-panel.ts";
import { headline } from "./headline.ts";
import { spread } from "./spread.ts";

const states = {
  running: "This run was still going on when the page was written.",
  stopped: "This run was stopped before its end.",
} as const;

/** The first screen: what came out, how sure it is, and what it was measured on. */
export function opening(data: SemiReportData): Markup {
  const { title, summary, status = "finished", measuredOn } = data;
  const arms = data.arms.filter((arm) => !isOther(arm));
  return markup`<header class="opening">
<h1>${title}</h1>
${summary === undefined ? undefined : markup`<p>${summary}</p>`}
${status === "finished" ? undefined : markup`<p class="notice">${states[status]}</p>`}
<p class="headline">${headline(data)}</p>
<p class="lead">${lead(data.counts)}</p>
${measuredOn && arms.some(({ runs }) => runs.length > 0) ? markup`<div class="outcome">${gainPanel(data)}${armDots(arms)}</div>` : undefined}
${measuredOn && markup`<p class="measured">${measurement(measuredOn)} ${seeds(arms)} ${effort(data)}</p>`}
</header>`;
}

function lead({ labelled, taught = true }: PipelineCounts): string {
  const images = `${count(labelled)} labelled images`;
  return taught
    ? `A teacher model learns from ${images} and picks the unlabelled ones that it is surest of. A student model learns from those, then from the labelled images.`
    : `A teacher model picks the unlabelled images that it is surest of. A student model learns from those, then from ${images}.`;
}

function measurement({ set, name, images }: MeasuredOn): Markup {
  const what = markup`Measured on ${count(images)} ${set} images (<bdi>${name}</bdi>)`;
  return set === "test"
    ? markup`${what} that no training saw.`
    : markup`${what}; where they also chose the best epoch, all figures are a little too high.`;
}

function seeds(arms: readonly Arm[]): string {
  const numbers = new Set(arms.flatMap(({ runs }) => (runs.length > 0 ? [runs.length] : [])));
  if (numbers.size !== 1) return numbers.size > 1 ? "Each dot is a training run with a seed of its own." : "";
  const [runs] = numbers;
  return runs === 1
    ? "Each arm was trained once."
    : `Each arm was trained ${runs} times, each time with another seed.`;
}

const processed = ({ imagesProcessed = NaN }: ArmRun): number => imagesProcessed;

/** Whether the comparison is fair: more training helps by itself. */
function effort({ arms }: SemiReportData): string {
  const baseline = spread(runsOf(arms, "supervised").map(processed)).mean;
  const student = spread(runsOf(arms, "finetuned").map(processed)).mean;
  const ratio = student / baseline;
  if (!Number.isFinite(ratio)) return "";
  return Math.abs(ratio - 1) < 0.01
    ? `Baseline and student each processed ${count(student)} training images.`
    : `Not an even match: the student processed ${count(student)} training images, ${significant(ratio)} times the baseline's ${count(baseline)}.`;
}
