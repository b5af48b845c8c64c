/**
 * Writes a page with the charts and the table of a benchmark: `npm run bench -- label-next --json > study.json`, then
 * `node scripts/study-page.mjs study.json study.html`. Several files become one page.
 */
import { readFile, writeFile } from "node:fs/promises";
import { axisOver, chart } from "../dist/report/chart.js";
import { markup } from "../dist/report/elements.js";
import { page } from "../dist/report/page.js";

const files = process.argv.slice(2);
const target = files.pop();
if (files.length === 0) {
  console.error("Give what --json printed, and where the page goes: study.json study.html");
  process.exit(2);
}

const kinds = ["training", "validation", "second", "third"];

/** Curves side by side, so that their bars do not lie upon each other. */
function figure({ title, x, curves }) {
  const places = curves[0].points.map((point) => point.x);
  const step = Math.max(...places) / 100;
  return chart({
    title,
    x: { from: 0, to: Math.max(...places) + 2 * step, ticks: places },
    formatX: String,
    formatY: (value) => value.toFixed(1),
    y: axisOver(
      curves.flatMap(({ points }) => points.flatMap(({ y, spread = 0 }) => [y - spread, y + spread])),
    ),
    curves: curves.map(({ name, points }, index) => ({
      name,
      kind: kinds[index % kinds.length],
      marked: true,
      points: points.map((point) => ({
        ...point,
        x: point.x + (point.x > 0 ? index * 0.5 * step : 0),
        at: `${point.x} ${x}`,
      })),
    })),
  });
}

const sections = await Promise.all(
  files.map(async (file) => {
    const { title, charts = [], columns, rows, notes } = JSON.parse(await readFile(file, "utf8"));
    return markup`<section><h2>${title}</h2>
<div class="charts">${charts.map(figure)}</div>
<div class="scroll"><table><thead><tr>${columns.map((name) => markup`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map((cells) => markup`<tr>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>`)}</tbody></table></div>
${notes.map((note) => markup`<p>${note}</p>`)}</section>`;
  }),
);
await writeFile(target, page("Study", sections));
