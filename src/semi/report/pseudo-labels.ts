import { chart, count, markup, percent, significant, type Markup } from "../../train/report/index.ts";
import type { RankPrecision, SelectionRecord, SemiReportData } from "./data.ts";

/** How often the teacher's labels are right, where the truth is known: it is never shown to the student. */
export function pseudoLabels({ selection }: SemiReportData): Markup | undefined {
  const total = selection && knownTruth(selection);
  if (!total) return undefined;
  const { known, right } = total;
  return markup`<section><h2>Are the teacher's labels right?</h2>
<div class="beside"><div class="gain"><p><b>${percent((100 * right) / known)}</b></p>
<p class="meaning">of the selected labels are right</p>
<p>${count(right)} of ${count(known)} whose truth is known. It was used for this page only.</p></div>
${rankChart(selection.precisionByRank ?? [])}</div></section>`;
}

function knownTruth({ classes }: SelectionRecord): { known: number; right: number } | undefined {
  const truths = classes.flatMap(({ truth }) => (truth ? [truth] : []));
  const known = truths.reduce((sum, truth) => sum + truth.known, 0);
  return known > 0 ? { known, right: truths.reduce((sum, truth) => sum + truth.right, 0) } : undefined;
}

function rankChart(points: readonly RankPrecision[]): Markup | undefined {
  const last = points.at(-1)?.rank;
  if (last === undefined) return undefined;
  return chart({
    title: "Right labels down the ranking",
    x: { from: 0, to: last, ticks: [0, last / 4, last / 2, (3 * last) / 4, last] },
    formatX: (rank) => (rank === 0 ? "rank 1" : count(rank)),
    formatY: (share) => `${significant(share)} %`,
    curves: [
      {
        name: "all classes",
        kind: "training",
        marked: points.length <= 40,
        points: points.map(({ rank, precision }) => ({
          x: rank,
          y: precision,
          at: `to rank ${count(rank)}`,
        })),
      },
    ],
  });
}
