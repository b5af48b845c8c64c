import { perClass, worstConfusions, type ConfusionMatrix } from "../../predict/index.ts";
import { grouped } from "../output/numbers.ts";

/** Confusions that the page lists. */
const listed = 100;

/**
 * A page of its own that shows a confusion matrix: the matrix as a picture, a pixel per pair of classes, and the
 * most frequent confusions as a table. Works without a network.
 */
export function confusionPage(matrix: ConfusionMatrix, classes: readonly string[]): string {
  const used = perClass(matrix)
    .filter(({ support, predicted }) => support + predicted > 0)
    .map(({ index }) => index);
  const rows = worstConfusions(matrix, listed).map(
    ({ target, predicted, count }) =>
      `<tr><td>${escape(classes[target]!)}<td>${escape(classes[predicted]!)}<td class="n">${grouped(count)}`,
  );
  return `<!doctype html>
<meta charset="utf-8">
<title>Confusion matrix</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff; }
  canvas { image-rendering: pixelated; border: 1px solid #ccc; width: min(90vw, 640px); aspect-ratio: 1; }
  td, th { padding: .1rem .8rem .1rem 0; text-align: left; } .n { text-align: right; }
  #pair { min-height: 1.5em; }
</style>
<h1>Confusion matrix</h1>
<p>Rows are right classes, columns predicted ones. Blue is right, red is wrong; darker is a larger share of the row.</p>
<canvas id="matrix"></canvas>
<p id="pair"></p>
<h2>Most frequent confusions</h2>
<table><tr><th>right<th>predicted<th>images
${rows.join("\n")}
</table>
<script>
const names = ${json(used.map((index) => classes[index]!))};
const cells = ${json(sparseCells(matrix, used))};
const canvas = document.getElementById("matrix");
const side = canvas.width = canvas.height = names.length;
const paint = canvas.getContext("2d");
const sums = new Array(side).fill(0);
for (const [row, , count] of cells) sums[row] += count;
for (const [row, column, count] of cells) {
  paint.fillStyle = "rgba(" + (row === column ? "0, 90, 160, " : "190, 30, 30, ") + Math.sqrt(count / sums[row]) + ")";
  paint.fillRect(column, row, 1, 1);
}
const counts = new Map(cells.map(([row, column, count]) => [row * side + column, count]));
canvas.onmousemove = (event) => {
  const column = Math.floor(event.offsetX / canvas.clientWidth * side);
  const row = Math.floor(event.offsetY / canvas.clientHeight * side);
  const count = counts.get(row * side + column) ?? 0;
  document.getElementById("pair").textContent = names[row] + " taken for " + names[column] + ": " + count;
};
</script>
`;
}

/** Cells that are not zero, by position among the classes that occur. */
function sparseCells({ numClasses, counts }: ConfusionMatrix, used: readonly number[]): number[][] {
  return used.flatMap((target, row) =>
    used.flatMap((predicted, column) => {
      const count = counts[target * numClasses + predicted]!;
      return count > 0 ? [[row, column, count]] : [];
    }),
  );
}

/** JSON that cannot end the script it stands in. */
const json = (value: unknown): string => JSON.stringify(value).replaceAll("<", String.raw`\u003c`);

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escape = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => entities[character]!);
