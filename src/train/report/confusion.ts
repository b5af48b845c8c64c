import { perClass, worstConfusions, type ConfusionMatrix } from "../../predict/index.ts";
import { count, jsonBlock, markup, type Markup } from "../../report/elements.ts";
import { page } from "../../report/page.ts";

/** Up to so many classes, cells have room for their names and numbers. */
const labelled = 30;

/** Confusions that are listed. */
const listed = 100;

/**
 * A confusion matrix to look at: a table with names and counts when the classes are few, else a picture with a
 * pixel per pair of classes; and the most frequent confusions. Classes that do not occur are left out.
 */
export function confusionFigure(matrix: ConfusionMatrix, classes: readonly string[]): Markup {
  const used = perClass(matrix)
    .filter(({ support, predicted }) => support + predicted > 0)
    .map(({ index }) => index);
  return markup`<p>Rows are right classes, columns predicted ones. Blue is right, red is wrong; stronger is a larger share of the row.</p>
<div class="pairs">${used.length <= labelled ? heatTable(matrix, classes, used) : picture(matrix, classes, used)}
<div>${confusionList(matrix, classes)}</div></div>`;
}

function heatTable(matrix: ConfusionMatrix, classes: readonly string[], used: readonly number[]): Markup {
  return markup`<div class="scroll"><table class="heat" style="--classes:${used.length}">
<thead><tr><td></td>${used.map((index) => markup`<th scope="col"><span>${classes[index]}</span></th>`)}</tr></thead>
<tbody>${used.map(
    (target) =>
      markup`<tr><th scope="row">${classes[target]}</th>${used.map((predicted) => cell(matrix, classes, target, predicted))}</tr>
`,
  )}</tbody></table></div>`;
}

function cell(
  { numClasses, counts }: ConfusionMatrix,
  classes: readonly string[],
  target: number,
  predicted: number,
): Markup {
  const row = counts.subarray(target * numClasses, (target + 1) * numClasses);
  const images = row[predicted]!;
  if (images === 0) return markup`<td></td>`;
  const share = images / row.reduce((sum, value) => sum + value, 0);
  const kind = `${target === predicted ? "hit" : "miss"}${share > 0.4 ? " strong" : ""}`;
  const title = `${classes[target]} taken for ${classes[predicted]}: ${images} (${(100 * share).toFixed(1)} %)`;
  return markup`<td class="${kind}" style="--share:${Math.sqrt(share).toFixed(2)}" title="${title}">${images}</td>`;
}

function picture(matrix: ConfusionMatrix, classes: readonly string[], used: readonly number[]): Markup {
  return markup`<div class="matrix"><canvas style="--classes:${used.length}" width="${used.length}" height="${used.length}" role="img" aria-label="Confusion matrix of ${used.length} classes"></canvas><p class="pair">Point at the matrix to read a pair.</p>
${jsonBlock({ names: used.map((index) => classes[index]), cells: sparseCells(matrix, used) })}</div>`;
}

/** Row, column and count of the cells that are not zero, by position among the classes that occur. */
function sparseCells({ numClasses, counts }: ConfusionMatrix, used: readonly number[]): readonly number[] {
  return used.flatMap((target, row) =>
    used.flatMap((predicted, column) => {
      const images = counts[target * numClasses + predicted]!;
      return images > 0 ? [row, column, images] : [];
    }),
  );
}

function confusionList(matrix: ConfusionMatrix, classes: readonly string[]): Markup | undefined {
  const worst = worstConfusions(matrix, listed);
  if (worst.length === 0) return markup`<p>No image was taken for another class.</p>`;
  return markup`<h3>Most frequent confusions</h3>
<div class="scroll tall"><table class="list">
<thead><tr><th scope="col">right</th><th scope="col">taken for</th><th scope="col" class="number">images</th></tr></thead>
<tbody>${worst.map(
    ({ target, predicted, count: images }) =>
      markup`<tr><td><span>${classes[target]}</span></td><td><span>${classes[predicted]}</span></td><td class="number">${count(images)}</td></tr>
`,
  )}</tbody></table></div>`;
}

/** A page of its own that shows a confusion matrix and the most frequent confusions. Works without a network. */
export function confusionPage(matrix: ConfusionMatrix, classes: readonly string[]): string {
  return page("Confusion matrix", [
    markup`<header><h1>Confusion matrix</h1></header><section>${confusionFigure(matrix, classes)}</section>`,
  ]);
}
