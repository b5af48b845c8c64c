import { count, factTable, markup, significant, type Markup } from "../../train/report/index.ts";
import type { SemiReportData, StageCost } from "./data.ts";
import { duration } from "./duration.ts";

/** What the run took, on which machine, with which settings, from what. */
export function cost({ stages, machine, settings, provenance }: SemiReportData): Markup | undefined {
  if (stages.length + machine.length + provenance.length === 0 && settings === "") return undefined;
  return markup`<section><h2>Cost and origin</h2>
${stageTable(stages)}
<div class="columns">${factTable("Machine", machine)}${factTable("Provenance", provenance)}</div>
${settings === "" ? undefined : markup`<details><summary>Settings</summary><pre>${settings}</pre></details>`}</section>`;
}

function stageTable(stages: readonly StageCost[]): Markup | undefined {
  if (stages.length === 0) return undefined;
  const total = stages.reduce((sum, { seconds }) => sum + seconds, 0);
  return markup`<div class="scroll"><table class="list">
<thead><tr><th scope="col">stage</th><th scope="col" class="number">images</th><th scope="col" class="number">images/s</th><th scope="col" class="number">time</th></tr></thead>
<tbody>${stages.map((stage) => row(stage, total))}</tbody>
<tfoot><tr class="chosen"><th scope="row">together</th><td></td><td></td><td class="number">${duration(total)}</td></tr></tfoot></table></div>`;
}

function row({ name, images, seconds }: StageCost, total: number): Markup {
  const share = total > 0 ? (100 * seconds) / total : 0;
  return markup`<tr><th scope="row">${name}</th><td class="number">${images === undefined ? "–" : count(images)}</td><td class="number">${
    images === undefined || seconds === 0 ? "–" : rate(images / seconds)
  }</td><td class="number bar" style="--share:${share.toFixed(1)}%">${duration(seconds)}</td></tr>
`;
}

const rate = (value: number): string =>
  value < 1000 ? significant(value) : count(Number(value.toPrecision(3)));
