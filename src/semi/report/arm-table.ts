import { compact, count, markup, percent, type Markup } from "../../train/report/index.ts";
import { runsOf, shownArms, type NamedArm } from "./arm-names.ts";
import type { Arm, ArmRun } from "./data.ts";
import { duration } from "./duration.ts";
import { signed } from "./signed.ts";
import { meanOf, plusMinus, spread, type Spread } from "./spread.ts";

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
