import { count, markup, shareCell, sortHead, type Markup } from "../../train/report/index.ts";
import type { ClassSelection, SelectCounts, SemiReportData } from "./data.ts";
import { tall } from "./tall.ts";
import { histogram } from "./histogram.ts";

/** What was selected for each class: how many, with which scores, and how many of them rightly. */
export function classSelection({ selection, classes, counts }: SemiReportData): Markup | undefined {
  if (!selection) return undefined;
  const records = selection.classes;
  const truth = records.some((record) => record.truth);
  const bins = records.some((record) => record.histogram);
  const row = (record: ClassSelection, index: number): Markup => {
    const { highest, lowest } = record;
    return markup`<tr><th scope="row"><span>${classes[index]}</span></th>${selectedCell(record, counts.select)}${
      truth ? shareCell(precision(record)) : undefined
    }${bins ? markup`<td>${histogram(record)}</td>` : undefined}${scoreCell(highest)}${scoreCell(lowest)}</tr>
`;
  };
  return markup`<section><h2>Selected for each class</h2>
${shortfall(records, counts.select)}
${
  bins
    ? markup`<p>The little histograms show the scores of all candidates of a class from 0 to 1, heights as square roots; the strong bars are those that were selected from.</p>`
    : undefined
}
<div class="scroll${tall(records.length)}"><table class="list sortable selection">
<thead><tr>${sortHead("class", { kind: "text" })}${sortHead("selected")}${truth ? sortHead("labels right") : undefined}${bins ? markup`<th scope="col">scores 0 to 1</th>` : undefined}${sortHead("best score")}${sortHead("last score")}</tr></thead>
<tbody>${records.map(row)}</tbody></table></div></section>`;
}

/** The count, and a mark where the class has fewer than K. */
function selectedCell({ selected }: ClassSelection, select: SelectCounts | undefined): Markup {
  const few = select?.balanced === true && selected < select.k;
  return markup`<td class="number" data-value="${selected}">${
    few ? markup`<b class="few" role="img" aria-label="fewer than K">⚠</b> ` : undefined
  }${count(selected)}</td>`;
}

/** Share of right labels in percent; NaN where no truth is known. */
const precision = ({ truth }: ClassSelection): number =>
  truth && truth.known > 0 ? (100 * truth.right) / truth.known : NaN;

const scoreCell = (value: number | undefined): Markup =>
  markup`<td class="number" data-value="${value ?? -1}">${value === undefined ? "–" : value.toFixed(3)}</td>`;

function shortfall(records: readonly ClassSelection[], select: SelectCounts | undefined): Markup | undefined {
  if (select?.balanced !== true) return undefined;
  const few = records.filter(({ selected }) => selected < select.k);
  if (few.length === 0) return markup`<p>Every class has its ${count(select.k)} images.</p>`;
  const least = Math.min(...few.map(({ selected }) => selected));
  return markup`<p class="notice">⚠ ${few.length === 1 ? "One class has" : `${count(few.length)} classes have`} fewer than the ${count(select.k)} images wanted (the fewest: ${count(least)}). A smaller K or more unlabelled images would balance them.</p>`;
}
