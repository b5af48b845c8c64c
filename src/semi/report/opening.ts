import { accuracyText, isFew } from "../../core/index.ts";
import { count, markup, percent, significant, type Markup } from "../../report/elements.ts";
import { armDots, isOther, runsOf } from "./arms.ts";
import type { Arm, ArmRun, MeasuredOn, PipelineCounts, SemiReportData } from "./data.ts";
import {
  differences,
  isOwn,
  ownHeadline,
  ownLead,
  ownMeasured,
  ownOutcome,
  type OwnReportData,
} from "./own-photos.ts";
import { gain, accuracySpread, signed, spread, type Gain } from "./statistics.ts";

const states = {
  running: "This run was still going on when the page was written.",
  stopped: "This run was stopped before its end.",
} as const;

/** The first screen: what came out, how sure it is, and what it was measured on. */
export function opening(data: SemiReportData): Markup {
  const { title, summary, status = "finished" } = data;
  return markup`<header class="opening">
<h1>${title}</h1>
${summary === undefined ? undefined : markup`<p>${summary}</p>`}
${status === "finished" ? undefined : markup`<p class="notice">${states[status]}</p>`}
${isOwn(data) ? ownOpening(data) : paperOpening(data)}
</header>`;
}

const ownOpening = (data: OwnReportData): Markup => markup`<p class="headline">${ownHeadline(data)}</p>
<p class="lead">${ownLead(data)}</p>
${ownOutcome(data)}
${ownMeasured(data)}`;

function paperOpening(data: SemiReportData): Markup {
  const { measuredOn } = data;
  const arms = data.arms.filter((arm) => !isOther(arm));
  return markup`<p class="headline">${headline(data)}</p>
<p class="lead">${lead(data.counts)}</p>
${measuredOn && arms.some(({ runs }) => runs.length > 0) ? markup`<div class="outcome">${gainPanel(data)}${armDots(arms, measuredOn.images)}</div>` : undefined}
${measuredOn && markup`<p class="measured">${measurement(measuredOn)} ${seeds(arms)} ${effort(data)}</p>`}`;
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

/** Whether the comparison is fair: more training helps by itself, and so do another start and augmentation. */
function effort(data: SemiReportData): string {
  const baseline = spread(runsOf(data.arms, "supervised").map(processed)).mean;
  const student = spread(runsOf(data.arms, "finetuned").map(processed)).mean;
  const ratio = student / baseline;
  if (!Number.isFinite(ratio)) return "";
  const apart = data.match ? differences(data.match) : [];
  const also =
    apart.length > 0 ? ` They differ in more than the unlabelled images: ${apart.join("; ")}.` : "";
  return isEven(ratio)
    ? `Baseline and student each processed ${count(student)} training images.${also}`
    : `Not an even match: the student processed ${count(student)} training images, ${significant(ratio)} times the baseline's ${count(baseline)}.${also}`;
}

const isEven = (ratio: number): boolean => Math.abs(ratio - 1) < 0.01;

/** What labels alone gave: the better of the student's network and its teacher, where the labels taught it. */
interface Alone {
  readonly runs: readonly ArmRun[];
  readonly isTeacher: boolean;
}

function bestAlone({ arms, counts }: SemiReportData): Alone {
  const baseline = runsOf(arms, "supervised");
  const teacher = counts.taught === false ? [] : runsOf(arms, "teacher");
  const isTeacher = teacher.length > 0 && baseline.length > 0 && top1Of(teacher) > top1Of(baseline);
  return { runs: isTeacher ? teacher : baseline, isTeacher };
}

const top1Of = (runs: readonly ArmRun[]): number => spread(runs.map(({ top1 }) => top1)).mean;

/** What is not alike between the student and the model it is held against, in a few words; undefined when nothing is. */
function unequal(data: SemiReportData, { runs, isTeacher }: Alone): string | undefined {
  const ratio = spread(runsOf(data.arms, "finetuned").map(processed)).mean / spread(runs.map(processed)).mean;
  const match = isTeacher ? undefined : data.match;
  const isLonger = match
    ? !isEven(match.steps.with / match.steps.without)
    : Number.isFinite(ratio) && !isEven(ratio);
  const apart = [
    ...(match && match.start.with !== match.start.without ? ["start"] : []),
    ...(isLonger ? ["steps"] : []),
    ...(match && match.augmentation.with !== match.augmentation.without ? ["augmentation"] : []),
  ];
  return apart.length === 0 ? undefined : apart.join(" and ");
}

/** The outcome in one sentence, no stronger than the numbers are. */
function headline(data: SemiReportData): Markup {
  const student = runsOf(data.arms, "finetuned");
  const alone = bestAlone(data);
  const { measuredOn, counts } = data;
  const unlabelled = count(counts.unlabelled);
  if (student.length === 0 && counts.finetuneImages === undefined)
    return markup`The student is not fine-tuned yet: there is no outcome to show.`;
  if (!measuredOn || student.length === 0)
    return markup`How good the model is was not measured: no labelled images were kept back for it.`;
  const reached = right(student, measuredOn);
  const teacher = runsOf(data.arms, "teacher");
  if (counts.taught === false && teacher.length > 0 && top1Of(teacher) > top1Of(student))
    return markup`With ${unlabelled} unlabelled images the student is right on ${reached}: fewer than the teacher it was given, which is right on ${strong(teacher, measuredOn)}.`;
  if (alone.runs.length === 0)
    return markup`With ${unlabelled} unlabelled images the model is right on ${reached}. What they brought is not known: the supervised baseline was not trained.`;
  const before = strong(alone.runs, measuredOn);
  const without = alone.isTeacher ? "with labels alone, as its teacher" : "without them";
  const { verdict } = gain(alone.runs, student, measuredOn.images);
  if (verdict === "better") {
    const apart = unequal(data, alone);
    return markup`With ${unlabelled} unlabelled images the model is right on ${reached}, instead of ${before} ${without}${apart === undefined ? "." : `; not at equal ${apart}, so this is no gain of theirs alone.`}`;
  }
  if (verdict === "worse")
    return alone.isTeacher
      ? markup`With ${unlabelled} unlabelled images the student is right on ${reached}, a loss: its teacher, from labels alone, is right on ${before}.`
      : markup`The ${unlabelled} unlabelled images did harm: with them the model is right on ${reached}, instead of ${before} without them.`;
  return markup`With ${unlabelled} unlabelled images the model is right on ${reached}, ${without} on ${before}: too close to tell apart from chance.`;
}

/** How many of the images runs have right: a share of them, or of few images their number. */
function strong(runs: readonly ArmRun[], { images }: MeasuredOn): Markup {
  const { mean, count: trained } = spread(runs.map(({ top1 }) => top1));
  return markup`<b>${trained === 1 ? accuracyText(mean, images) : percent(mean)}</b>`;
}

/** The same, and of which images. */
function right(runs: readonly ArmRun[], on: MeasuredOn): Markup {
  const [ofAll, name] = on.set === "test" ? ["of ", "new"] : ["of the ", "validation"];
  return markup`${strong(runs, on)} ${runs.length === 1 && isFew(on.images) ? "" : ofAll}${name} images`;
}

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
function gainPanel(data: SemiReportData): Markup | undefined {
  const { arms, measuredOn } = data;
  const student = runsOf(arms, "finetuned");
  const { runs: baseline, isTeacher } = bestAlone(data);
  if (!measuredOn || student.length === 0) return undefined;
  const reached = spread(student.map(({ top1 }) => top1));
  if (baseline.length === 0)
    return markup`<p class="gain"><b>${accuracySpread(reached, measuredOn.images)}</b> right</p>`;
  const found = gain(baseline, student, measuredOn.images);
  return markup`<div class="gain ${found.verdict}">
<p><b>${signed(found.points)}</b></p>
<p class="meaning">${verdicts[found.verdict]}${isTeacher ? " (the teacher's)" : ""}</p>
<p>95 % interval ${signed(found.low)} to ${signed(found.high)}, ${bases[found.basis]}</p>
</div>`;
}
