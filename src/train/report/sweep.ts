import type { SweepRecord } from "./data.ts";
import { percent, significant } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";

/** The strengths of the penalty that were tried, and the one that was taken. */
export function sweepTable(sweep: readonly SweepRecord[]): Markup | undefined {
  if (sweep.length === 0) return undefined;
  return markup`<section><h2>Regularisation</h2>
<p>Each strength was fitted on a part of the images and measured on the rest; the one with the lowest loss was then fitted on all.</p>
<div class="scroll"><table class="list">
<thead><tr><th scope="col">L2</th><th scope="col" class="number">hold-out loss</th><th scope="col" class="number">top-1</th><th scope="col"></th></tr></thead>
<tbody>${sweep.map(
    ({ l2, loss, top1, chosen }) =>
      markup`<tr${chosen ? markup` class="chosen"` : undefined}><td>${significant(l2)}</td><td class="number">${significant(loss)}</td><td class="number bar" style="--share:${top1.toFixed(1)}%">${percent(top1)}</td><td>${chosen ? "taken" : undefined}</td></tr>
`,
  )}</tbody></table></div></section>`;
}
