import { count, markup, shareCell, sortHead, type Markup } from "../../train/report/index.ts";
import type { SelectedClass, SelectCounts, SemiReportData } from "./data.ts";
import { histogram } from "./histogram.ts";
import { tall } from "./tall.ts";

/** What was selected for each class: how many, with which scores, and how many of them rightly. */
export function classSelection({ selection, classes, counts }: SemiReportData): Markup | undefined {
  if (!selection) return undefined;
  const records = selection.classes;
  const truth = records.some((record) => record.truth);
  const row = (record: SelectedClass, index: number): Markup =>
    markup`<tr><th scope="row"><span>${classes[index]}</span></th>${selectedCell(record, counts.select)}${
      truth ? shareCell(precision(record)) : undefined
    }<td>${histogram(record)}</td>${[record.highest, record.lowest].map(scoreCell)}<td class="number" data-value="${record.candidates}">${count(record.candidates)}</td></tr>
`;
  return markup`<section><h2>Selected for each class</h2>
${shortfall(records, counts.select)}
<p>The little histograms show the scores, from 0 to 1, of the images that the teacher takes for the class; strong bars reach the last score that was selected. Heights are square roots.</p>
<div class="scroll${tall(records.length)}"><table class="list sortable selection">
<thead><tr>${sortHead("class", { kind: "text" })}${sortHead("selected")}${truth ? sortHead("labels right") : undefined}<th scope="col">scores 0 to 1</th>${["best score", "last score", "candidates"].map((name) => sortHead(name))}</tr></thead>
<tbody>${records.map(row)}</tbody></table></div></section>`;
}

/** The count, and a mark where the class has fewer than K. */
function selectedCell({ selected }: SelectedClass, select: SelectCounts | undefined): Markup {
  const few = selected < wanted(select);
  return markup`<td class="number" data-value="${selected}">${
    few ? markup`<b class="few" role="img" aria-label="fewer than K">⚠</b> ` : undefined
  }${count(selected)}</td>`;
}

/** Share of right labels in percent; NaN where no truth is known. */
const precision = ({ truth }: SelectedClass): number =>
  truth && truth.known > 0 ? (100 * truth.right) / truth.known : NaN;

const scoreCell = (value: number | null): Markup =>
  markup`<td class="number" data-value="${value ?? -1}">${value === null ? "–" : value.toFixed(3)}</td>`;

/** Images that every class was to have. */
const wanted = (select: SelectCounts | undefined): number =>
  select?.ranking === "balanced" ? (select.k ?? 0) : 0;

function shortfall(records: readonly SelectedClass[], select: SelectCounts | undefined): Markup | undefined {
  const k = wanted(select);
  if (k === 0) return undefined;
  const few = records.filter(({ selected }) => selected < k);
  if (few.length === 0) return markup`<p>Every class has its ${count(k)} images.</p>`;
  const least = Math.min(...few.map(({ selected }) => selected));
  return markup`<p class="notice">⚠ ${few.length === 1 ? "One class has" : `${count(few.length)} classes have`} fewer than the ${count(k)} images wanted (the fewest: ${count(least)}). A smaller K or more unlabelled images would balance them.</p>`;
}
