import { axisOver } from "../../report/chart.ts";
import { compact, count, percent, significant } from "../../report/elements.ts";
import { markup, type Markup } from "../../report/markup.ts";
import type { Arm, ArmRun } from "./data.ts";
import { duration, meanOf, plusMinus, signed, spread, type Spread } from "./statistics.ts";

type Kind = Exclude<Arm["kind"], "other">;

/** Arms as a reader meets them: what one would have done anyway, then the way to the outcome. */
const order: readonly Arm["kind"][] = ["supervised", "pretrained", "finetuned", "teacher", "other"];

const names: Readonly<Record<Kind, string>> = {
  supervised: "Supervised baseline",
  pretrained: "Pre-trained only",
  finetuned: "Fine-tuned student",
  teacher: "Teacher",
};

const summaries: Readonly<Record<Kind, string>> = {
  supervised: "labelled images only",
  pretrained: "selected images only",
  finetuned: "selected images, then labelled ones",
  teacher: "gave the selected images their labels",
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

/** The runs of the arm of a kind; empty without such an arm. */
export function runsOf(arms: readonly Arm[], kind: Kind): Arm["runs"] {
  return arms.find((arm) => arm.kind === kind)?.runs ?? [];
}

/** The axis reaches at least so many points to each side, so that noise does not look like much. */
const leastReach = 2;

/** A line for each arm with a dot for each seed, a bar at their mean, and mean ± standard deviation beside it. */
export function armDots(arms: readonly Arm[]): Markup | undefined {
  const shown = shownArms(arms);
  if (shown.length === 0) return undefined;
  const values = shown.flatMap(({ runs }) => runs.map(({ top1 }) => top1));
  const middle = (Math.min(...values) + Math.max(...values)) / 2;
  const axis = axisOver([...values, Math.max(0, middle - leastReach), Math.min(100, middle + leastReach)]);
  const left = (value: number): string => ((100 * (value - axis.from)) / (axis.to - axis.from)).toFixed(2);
  const line = ({ kind, name, summary, runs }: NamedArm): Markup => {
    const reached = spread(runs.map(({ top1 }) => top1));
    return markup`<tr class="${kind}"><th scope="row">${name} <small>${summary}</small></th><td class="track" aria-hidden="true">
${runs.map(({ seed, top1 }) => markup`<i style="left:${left(top1)}%" title="seed ${seed}: ${percent(top1)}"></i>`)}<b style="left:${left(reached.mean)}%"></b></td>
<td class="value">${plusMinus(reached)} %</td></tr>
`;
  };
  return markup`<table class="dots">
<caption>Images right, in percent: <span class="key"><i></i> each run</span> <span class="key"><b></b> their mean</span></caption>
<colgroup><col class="name"><col><col class="value"></colgroup>
<thead class="unseen"><tr><th scope="col">trained on</th><td></td><th scope="col">right, mean ± standard deviation</th></tr></thead>
<tbody>${shown.map(line)}</tbody>
<tfoot aria-hidden="true"><tr><td></td><td class="track">${axis.ticks.map((tick) => markup`<span style="left:${left(tick)}%">${significant(tick)}</span>`)}</td><td></td></tr></tfoot>
</table>`;
}

/** All arms in numbers, and each of their runs. */
export function armTable(arms: readonly Arm[]): Markup | undefined {
  const shown = shownArms(arms);
  if (shown.length === 0) return undefined;
  const baseline = spread(runsOf(arms, "supervised").map(({ top1 }) => top1)).mean;
  return markup`<section><h2>The numbers</h2>
<p>Mean over the seeds ± standard deviation. Top-5: the right class is among the five likeliest.</p>
<div class="scroll"><table class="list arms">
<thead><tr><th scope="col">arm</th><th scope="col" class="number">top-1 %</th><th scope="col" class="number">gain</th><th scope="col" class="number">top-5 %</th><th scope="col" class="number">seeds</th><th scope="col" class="number">images processed</th><th scope="col" class="number">training time</th></tr></thead>
<tbody>${shown.map((arm) => armRow(arm, baseline))}</tbody></table></div>
<details><summary>Every run</summary><div class="scroll"><table class="list">
<thead><tr><th scope="col">arm</th><th scope="col" class="number">seed</th><th scope="col" class="number">top-1</th><th scope="col" class="number">top-5</th><th scope="col" class="number">images processed</th><th scope="col" class="number">time</th></tr></thead>
<tbody>${shown.flatMap(({ name, runs }) => runs.map((run) => runRow(name, run)))}</tbody></table></div></details></section>`;
}

function armRow({ kind, name, runs }: NamedArm, baseline: number): Markup {
  const over = (value: (run: ArmRun) => number): Spread => spread(runs.map(value));
  const top1 = over((run) => run.top1);
  const gained = kind === "supervised" || Number.isNaN(baseline) ? "–" : signed(top1.mean - baseline);
  return markup`<tr${kind === "finetuned" ? markup` class="chosen"` : undefined}><th scope="row">${name}</th>${[
    plusMinus(top1),
    gained,
    plusMinus(over((run) => run.top5)),
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

function runRow(name: string, { seed, top1, top5, imagesProcessed, seconds }: ArmRun): Markup {
  return markup`<tr><th scope="row">${name}</th>${[
    String(seed),
    percent(top1),
    percent(top5),
    meanOf([imagesProcessed], count),
    meanOf([seconds], duration),
  ].map((value) => markup`<td class="number">${value}</td>`)}</tr>
`;
}

/** Variants, and the students of earlier rounds, beside the outcome and the baseline. */
export function otherArms(arms: readonly Arm[]): Markup | undefined {
  if (!arms.some((arm) => isOther(arm) && arm.runs.length > 0)) return undefined;
  const shown = arms.filter((arm) => isOther(arm) || arm.kind === "supervised" || arm.kind === "finetuned");
  return markup`<section><h2>What was tried besides</h2>
<p>What stands below a name is what differs; the student and its baseline are there to compare with.</p>
<div class="outcome">${armDots(shown)}</div></section>`;
}
