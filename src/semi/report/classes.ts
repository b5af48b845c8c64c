import { accuracyText } from "../../core/index.ts";
import { perClass } from "../../predict/index.ts";
import { axisOver, type Axis } from "../../report/chart.ts";
import { count, markup, significant, sortHead, type Markup } from "../../report/elements.ts";
import { confusionFigure } from "../../train/report/confusion.ts";
import type { SemiReportData } from "./data.ts";
import { signed } from "./statistics.ts";

/** What the compared models are called: on a page of the paper's method, and on one of the other methods. */
const names = {
  paper: { before: "Supervised baseline", after: "Fine-tuned student", heads: ["baseline", "student"] },
  own: { before: "Labels alone", after: "With unlabelled images", heads: ["alone", "with"] },
} as const;

interface ClassChange {
  readonly index: number;
  readonly images: number;
  readonly before: number;
  readonly after: number;
}

/** Accuracy of each class without and with the unlabelled images, the largest gain first. */
export function classChanges({ confusion, classes, own }: SemiReportData): Markup | undefined {
  if (!confusion?.supervised || !confusion.finetuned) return undefined;
  const after = perClass(confusion.finetuned);
  const changes = perClass(confusion.supervised)
    .map(({ index, support, recall }) => ({
      index,
      images: support,
      before: recall,
      after: after[index]!.recall,
    }))
    .filter((change) => change.images > 0 && Number.isFinite(change.after))
    .sort((a, b) => b.after - b.before - (a.after - a.before) || a.index - b.index);
  if (changes.length === 0) return undefined;
  const { before: from, after: to, heads } = own ? names.own : names.paper;
  const axis = axisOver(changes.flatMap(({ before, after: reached }) => [before, reached]));
  const gained = changes.filter((change) => change.after > change.before).length;
  const lost = changes.filter((change) => change.after < change.before).length;
  return markup`<section><h2>Class by class</h2>
<p>${count(gained)} of ${count(changes.length)} class${changes.length === 1 ? "" : "es"} gained, ${count(lost)} lost. <span class="key"><i class="before"></i> ${from.toLowerCase()}</span> <span class="key"><i class="after"></i> ${to.toLowerCase()}</span></p>
<div class="scroll${tall(changes.length)}"><table class="list sortable changes">
<thead><tr>${sortHead("class", { kind: "text" })}${sortHead(heads[0])}${sortHead(heads[1])}${sortHead("change", { sorted: "descending" })}<th scope="col" class="wide">${significant(axis.from)} to ${significant(axis.to)} %</th>${sortHead("images")}</tr></thead>
<tbody>${changes.map((change) => row(change, classes[change.index]!, axis))}</tbody></table></div></section>`;
}

function row({ images, before, after }: ClassChange, name: string, { from, to }: Axis): Markup {
  const place = (value: number): string => `${((100 * (value - from)) / (to - from)).toFixed(1)}%`;
  const change = after - before;
  return markup`<tr><th scope="row"><span>${name}</span></th>${number(before, accuracyText(before, images))}${number(after, accuracyText(after, images))}${number(change, signed(change))}<td class="wide"><div class="between ${change < 0 ? "lost" : ""}" style="--from:${place(Math.min(before, after))};--to:${place(Math.max(before, after))}" aria-hidden="true"><i class="before" style="left:${place(before)}"></i><i class="after" style="left:${place(after)}"></i></div></td>${number(images, count(images))}</tr>
`;
}

const number = (value: number, text: string): Markup =>
  markup`<td class="number" data-value="${value.toFixed(3)}">${text}</td>`;

/** Which classes the student and the teacher take for each other. */
export function confusions({ confusion, classes, own }: SemiReportData): Markup | undefined {
  const { before, after } = own ? names.own : names.paper;
  const { finetuned, teacher, supervised } = confusion ?? {};
  const all = [
    { name: after, matrix: finetuned },
    { name: "Teacher", matrix: teacher },
    { name: before, matrix: supervised },
  ].flatMap(({ name, matrix }) => (matrix ? [{ name, figure: confusionFigure(matrix, classes) }] : []));
  const [first, ...rest] = all;
  if (!first) return undefined;
  return markup`<section><h2>What is taken for what</h2>
<h3>${first.name}</h3>${first.figure}
${rest.map(({ name, figure }) => markup`<details><summary>${name}</summary>${figure}</details>`)}</section>`;
}

/** Class of a box that scrolls within itself, for tables with more rows than one takes in at a glance. */
export const tall = (rows: number): string => (rows > 16 ? " tall" : "");
