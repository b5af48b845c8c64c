import { perClass, type ConfusionMatrix } from "../../predict/index.ts";
import { count } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";
import { shareCell } from "./share-cell.ts";
import { sortHead } from "./sort-head.ts";

/** Figures of each class that has images, the worst recall first; columns sort when their heads are pressed. */
export function classTable(matrix: ConfusionMatrix, classes: readonly string[]): Markup {
  const seen = perClass(matrix)
    .filter(({ support }) => support > 0)
    .sort((a, b) => a.recall - b.recall || a.index - b.index);
  return markup`<h3>Each class</h3>
<div class="scroll tall"><table class="list sortable">
<thead><tr>${sortHead("class", { kind: "text" })}${sortHead("images")}${sortHead("recall", { sorted: "ascending" })}${sortHead("precision")}${sortHead("F1")}</tr></thead>
<tbody>${seen.map(
    ({ index, support, recall, precision, f1 }) =>
      markup`<tr><td><span>${classes[index]}</span></td><td class="number" data-value="${support}">${count(support)}</td>${[recall, precision, f1].map(shareCell)}</tr>
`,
  )}</tbody></table></div>`;
}
