import { accuracyText } from "../../core/index.ts";
import { axisOver } from "../../report/chart.ts";
import { compact, count, markup, significant, type Markup } from "../../report/elements.ts";
import { tellsTop5 } from "../../predict/index.ts";
import type { Arm, ArmRun, SemiReportData } from "./data.ts";
import {
  accuracySpread,
  duration,
  meanOf,
  shareInterval,
  signed,
  spread,
  type Interval,
  type Spread,
} from "./statistics.ts";

type Kind = Exclude<Arm["kind"], "other">;

/** Arms as a reader meets them: what one would have done anyway, then the way to the outcome. */
const order: readonly Arm["kind"][] = [
  "supervised",
  "pretrained",
  "finetuned",
  "teacher",
  "labels-alone",
  "tuned-alone",
  "labels",
  "tuned",
  "joint",
  "other",
];

const names: Readonly<Record<Kind, string>> = {
  supervised: "Supervised baseline",
  pretrained: "Pre-trained only",
  finetuned: "Fine-tuned student",
  teacher: "Teacher",
  "labels-alone": "Labels alone, frozen",
  "tuned-alone": "Labels alone, tuned",
  labels: "With unlabelled images, frozen",
  tuned: "With unlabelled images, tuned",
  joint: "With selected images, tuned",
};

const summaries: Readonly<Record<Kind, string>> = {
  supervised: "labelled images only",
  pretrained: "selected images only",
  finetuned: "selected images, then labelled ones",
  teacher: "gave the selected images their labels",
  "labels-alone": "a classifier on the given network",
  "tuned-alone": "the whole given network",
  labels: "a classifier, with their help",
  tuned: "the whole network, with their help",
  joint: "half of each batch labelled, half selected",
};

/** An arm that has runs, with its words. */
interface NamedArm extends Arm {
  readonly name: string;
  readonly summary: string;
}

/** The arms that have runs, in the order in which they are shown. */
export function shownArms(arms: readonly Arm[]): readonly NamedArm[] {
  return arms
    .filter(({ runs }) => runs.length > 0)
    .map((arm) => ({
      ...arm,
      name: arm.name ?? (arm.kind === "other" ? "Another arm" : names[arm.kind]),
      summary: arm.summary ?? (arm.kind === "other" ? "" : summaries[arm.kind]),
    }))
    .sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

/** Whether an arm is neither the outcome nor on the way to it, and no baseline. */
export const isOther = ({ kind }: Arm): boolean => kind === "other";

/** What an arm of a kind is called. */
export const armName = (kind: Kind): string => names[kind];

/** The runs of the arm of a kind; empty without such an arm. */
export function runsOf(arms: readonly Arm[], kind: Kind): Arm["runs"] {
  return arms.find((arm) => arm.kind === kind)?.runs ?? [];
}

/** The axis reaches at least so many points to each side, so that noise does not look like much. */
const leastReach = 2;

interface ArmDotsOptions {
  /** Whether a line shows the 95 % interval of a single run over the choice of its images. @default false */
  readonly hasIntervals?: boolean;
  /** The arm whose row stands out, besides the fine-tuned student. */
  readonly chosen?: Arm["kind"] | undefined;
}

function imagesInterval(top1: number, images: number): Interval {
  const { low, high } = shareInterval(Math.round((top1 * images) / 100), images);
  return { low: 100 * low, high: 100 * high };
}

/** A line for each arm with a dot for each seed, a bar at their mean, and mean ± standard deviation beside it. */
export function armDots(
  arms: readonly Arm[],
  images: number | undefined,
  { hasIntervals = false, chosen }: ArmDotsOptions = {},
): Markup | undefined {
  const shown = shownArms(arms);
  if (shown.length === 0) return undefined;
  const intervals = new Map(
    shown.flatMap(({ kind, runs: [run, ...others] }) =>
      hasIntervals && images && run && others.length === 0
        ? [[kind, imagesInterval(run.top1, images)] as const]
        : [],
    ),
  );
  const values = shown.flatMap(({ kind, runs }) => {
    const { low, high } = intervals.get(kind) ?? {};
    return [...runs.map(({ top1 }) => top1), low ?? NaN, high ?? NaN].filter(Number.isFinite);
  });
  const middle = (Math.min(...values) + Math.max(...values)) / 2;
  const axis = axisOver([...values, Math.max(0, middle - leastReach), Math.min(100, middle + leastReach)]);
  const left = (value: number): string => ((100 * (value - axis.from)) / (axis.to - axis.from)).toFixed(2);
  const line = ({ kind, name, summary, runs }: NamedArm): Markup => {
    const reached = spread(runs.map(({ top1 }) => top1));
    const interval = intervals.get(kind);
    return markup`<tr class="${kind}${kind === chosen ? " chosen" : ""}"><th scope="row">${name} <small>${summary}</small></th><td class="track" aria-hidden="true">
${interval && markup`<s style="left:${left(interval.low)}%;right:${(100 - Number(left(interval.high))).toFixed(2)}%"></s>`}${runs.map(({ seed, top1 }) => markup`<i style="left:${left(top1)}%" title="seed ${seed}: ${accuracyText(top1, images)}"></i>`)}<b style="left:${left(reached.mean)}%"></b></td>
<td class="value">${accuracySpread(reached, images)}</td></tr>
`;
  };
  return markup`<table class="dots">
<caption>Images right, in percent: ${
    intervals.size > 0
      ? markup`<span class="key"><s></s> 95 % interval of each by itself</span>`
      : markup`<span class="key"><i></i> each run</span> <span class="key"><b></b> their mean</span>`
  }</caption>
<colgroup><col class="name"><col><col class="value"></colgroup>
<thead class="unseen"><tr><th scope="col">trained on</th><td></td><th scope="col">right, mean ± standard deviation</th></tr></thead>
<tbody>${shown.map(line)}</tbody>
<tfoot aria-hidden="true"><tr><td></td><td class="track">${axis.ticks.map((tick) => markup`<span style="left:${left(tick)}%">${significant(tick)}</span>`)}</td><td></td></tr></tfoot>
</table>`;
}

/** The arm that the others are held against, the outcome, and what all were measured on. */
interface TableArms {
  readonly images: number | undefined;
  readonly classes: number;
  readonly baseline: Kind;
  readonly outcome: Kind | undefined;
}

/** All arms in numbers, and each of their runs. */
export function armTable(
  arms: readonly Arm[],
  { baseline, outcome, images, classes }: TableArms,
): Markup | undefined {
  const shown = shownArms(arms);
  if (shown.length === 0) return undefined;
  const level = spread(runsOf(arms, baseline).map(({ top1 }) => top1)).mean;
  const hasTop5 =
    tellsTop5(classes) && shown.some(({ runs }) => runs.some(({ top5 }) => !Number.isNaN(top5)));
  const hasSeeds = shown.some(({ runs }) => runs.length > 1);
  return markup`<section><h2>The numbers</h2>
<p>${hasSeeds ? "Mean over the seeds ± standard deviation. " : ""}Gain: points over ${shown.find(({ kind }) => kind === baseline)?.name.toLowerCase() ?? "the baseline"}.${hasTop5 ? " Top-5: the right class is among the five likeliest." : ""}</p>
<div class="scroll"><table class="list arms">
<thead><tr><th scope="col">arm</th><th scope="col" class="number">top-1</th><th scope="col" class="number">gain</th>${hasTop5 ? top5Head : undefined}<th scope="col" class="number">seeds</th><th scope="col" class="number">images processed</th><th scope="col" class="number">training time</th></tr></thead>
<tbody>${shown.map((arm) => armRow(arm, level, hasTop5, { baseline, outcome, images }))}</tbody></table></div>
<details><summary>Every run</summary><div class="scroll"><table class="list">
<thead><tr><th scope="col">arm</th><th scope="col" class="number">seed</th><th scope="col" class="number">top-1</th>${hasTop5 ? top5Head : undefined}<th scope="col" class="number">images processed</th><th scope="col" class="number">time</th></tr></thead>
<tbody>${shown.flatMap(({ name, runs }) => runs.map((run) => runRow(name, run, images, hasTop5)))}</tbody></table></div></details></section>`;
}

const top5Head = markup`<th scope="col" class="number">top-5</th>`;

function armRow(
  { kind, name, runs }: NamedArm,
  level: number,
  hasTop5: boolean,
  { baseline, outcome, images }: Omit<TableArms, "classes">,
): Markup {
  const over = (value: (run: ArmRun) => number): Spread => spread(runs.map(value));
  const top1 = over((run) => run.top1);
  const gained = kind === baseline || Number.isNaN(level) ? "–" : signed(top1.mean - level);
  return markup`<tr${kind === outcome ? markup` class="chosen"` : undefined}><th scope="row">${name}</th>${[
    accuracySpread(top1, images),
    gained,
    ...(hasTop5
      ? [
          accuracySpread(
            over((run) => run.top5),
            images,
          ),
        ]
      : []),
    count(runs.length),
    meanOf(
      runs.map((run) => run.imagesProcessed),
      compact,
    ),
    meanOf(
      runs.map((run) => run.seconds),
      duration,
    ),
  ].map((value) => markup`<td class="number">${value}</td>`)}</tr>
`;
}

function runRow(
  name: string,
  { seed, top1, top5, imagesProcessed, seconds }: ArmRun,
  images: number | undefined,
  hasTop5: boolean,
): Markup {
  return markup`<tr><th scope="row">${name}</th>${[
    String(seed),
    accuracyText(top1, images),
    ...(hasTop5 ? [accuracyText(top5, images)] : []),
    meanOf([imagesProcessed], count),
    meanOf([seconds], duration),
  ].map((value) => markup`<td class="number">${value}</td>`)}</tr>
`;
}

/** Variants, and the students of earlier rounds, beside the outcome and the baseline. */
export function otherArms({ arms, measuredOn }: SemiReportData): Markup | undefined {
  if (!arms.some((arm) => isOther(arm) && arm.runs.length > 0)) return undefined;
  const shown = arms.filter((arm) => isOther(arm) || arm.kind === "supervised" || arm.kind === "finetuned");
  return markup`<section><h2>What was tried besides</h2>
<p>What stands below a name is what differs; the student and its baseline are there to compare with.</p>
<div class="outcome">${armDots(shown, measuredOn?.images)}</div></section>`;
}
