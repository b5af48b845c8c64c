import { perClass, type ConfusionMatrix } from "../../predict/index.ts";
import { count, percent } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";

const columns = ["class", "images", "recall", "precision", "F1"] as const;

/** Figures of each class that has images, the worst recall first; columns sort when their heads are pressed. */
export function classTable(matrix: ConfusionMatrix, classes: readonly string[]): Markup {
  const seen = perClass(matrix)
    .filter(({ support }) => support > 0)
    .sort((a, b) => a.recall - b.recall || a.index - b.index);
  return markup`<h3>Each class</h3>
<div class="scroll tall"><table class="list sortable">
<thead><tr>${columns.map(
    (name, index) =>
      markup`<th scope="col"${index > 0 ? markup` class="number"` : undefined}${name === "recall" ? markup` aria-sort="ascending"` : undefined}><button type="button">${name}</button></th>`,
  )}</tr></thead>
<tbody>${seen.map(
    ({ index, support, recall, precision, f1 }) =>
      markup`<tr><td><span>${classes[index]}</span></td><td class="number" data-value="${support}">${count(support)}</td>${[recall, precision, f1].map(share)}</tr>
`,
  )}</tbody></table></div>`;
}

/** A share in percent, and a bar of its length. */
function share(value: number): Markup {
  return markup`<td class="number bar" data-value="${Number.isNaN(value) ? -1 : value}" style="--share:${(value || 0).toFixed(1)}%">${percent(value)}</td>`;
}
