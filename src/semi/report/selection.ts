import { accuracyText, isFew } from "../../core/index.ts";
import { chart } from "../../report/chart.ts";
import {
  count,
  markup,
  shareCell,
  significant,
  sortHead,
  thumbnailPicture,
  type Markup,
} from "../../report/elements.ts";
import { tall } from "./classes.ts";
import type {
  RankPrecision,
  SelectCounts,
  SelectedClass,
  SelectionRecord,
  SemiReportData,
  StripImage,
} from "./data.ts";

/** For each class a few selected images from the first rank to the last: the paper's Figure 2. */
export function strips({ selection, classes, counts }: SemiReportData): Markup | undefined {
  const shown = (selection?.classes ?? []).flatMap((record, index) =>
    record.strip.length > 0 ? [strip(record, classes[index]!)] : [],
  );
  if (shown.length === 0) return undefined;
  const more = shown.slice(openStrips);
  return markup`<section><h2>What the teacher picked</h2>
<p>Each row goes down the ranking of one class: from the image that the teacher is surest of to ${lastRank(counts.select)}. A score of 1 means no doubt. Where do they stop looking like the class?</p>
<div class="strips">${shown.slice(0, openStrips)}</div>
${
  more.length === 0
    ? undefined
    : markup`<details><summary>${count(more.length)} more classes</summary><div class="strips">${more}</div></details>`
}
${
  shown.length === classes.length
    ? undefined
    : markup`<p class="measured">${count(shown.length)} of ${count(classes.length)} classes are shown.</p>`
}</section>`;
}

const lastRank = (select: SelectCounts | undefined): string =>
  select?.ranking === "balanced" && select.k !== null
    ? `the last that was taken, at rank ${count(select.k)}`
    : "the last that was taken";

function strip({ strip: images }: SelectedClass, name: string): Markup {
  return markup`<article><h3><bdi>${name}</bdi></h3><ol>${images.map((image) => cell(image, name))}</ol></article>
`;
}

function cell({ id, rank, score, truth, thumbnail }: StripImage, name: string): Markup {
  return markup`<li${truth === undefined || truth === name ? undefined : markup` class="wrong"`}>${thumbnailPicture(thumbnail, `Selected for ${name} at rank ${rank}: ${id}`)}
<span title="${id}">No. ${count(rank)}</span> <small>score ${score.toFixed(2)}</small>${truth === undefined ? undefined : answer(truth, name)}</li>`;
}

function answer(truth: string, name: string): Markup {
  return truth === name
    ? markup`<span class="answer">✓ right</span>`
    : markup`<span class="answer">✗ is <bdi>${truth}</bdi></span>`;
}

/** Classes whose strips stand open, and those in all; more would make the page heavy and nobody look. */
const openStrips = 20;
const mostStrips = 60;

/**
 * Ranks that a strip shows: 1, K/4, K/2 and K, as in the paper's Figure 2, as far as images were selected.
 *
 * @param k K of a balanced selection. @default the number selected
 */
export function stripRanks(selected: number, k: number = selected): readonly number[] {
  const ranks = [1, Math.round(k / 4), Math.round(k / 2), k];
  return selected > 0 ? [...new Set(ranks.map((rank) => Math.min(Math.max(1, rank), selected)))] : [];
}

/** Indices of the classes that get a strip: all of up to 60, else 60 spread evenly. */
export function stripClasses(classes: number): readonly number[] {
  const shown = Math.min(classes, mostStrips);
  return Array.from({ length: shown }, (_, index) => Math.floor((index * classes) / shown));
}

/** How images were selected, and how many were left out. */
export function selectedText(select: SelectCounts): readonly string[] {
  const { rows, images, duplicates, copies } = select;
  return [
    chosen(select),
    rows > images ? `${count(rows - images)} labels are of images that stand for another class, too. ` : "",
    duplicates === null
      ? "Near-copies of labelled or test images were not looked for."
      : duplicates.images === 0
        ? "None was a near-copy of a labelled or test image."
        : `${count(duplicates.images)} near-copies of labelled or test images were left out.`,
    copies && copies.rows > 0
      ? ` ${count(copies.groups)} of the images stand for ${count(copies.rows)} others too, which look like them and rank below.`
      : "",
  ];
}

function chosen({ ranking, k, rows }: SelectCounts): string {
  if (ranking === "threshold") return `All ${count(rows)} labels whose score reaches a threshold. `;
  return ranking === "balanced" && k !== null
    ? `Of each class, the ${count(k)} images that the teacher is surest of. `
    : `The ${count(rows)} labels that the teacher is surest of, whatever their class. `;
}

/** How often the teacher's labels are right, where the truth is known: no training sees it. */
export function pseudoLabels({ selection }: SemiReportData): Markup | undefined {
  const total = selection && knownTruth(selection);
  if (!total) return undefined;
  const { known, right } = total;
  return markup`<section><h2>Are the teacher's labels right?</h2>
<div class="beside"><div class="gain"><p><b>${accuracyText((100 * right) / known, known)}</b></p>
<p class="meaning">of the selected labels are right</p>
<p>${isFew(known) ? "Their truth is known" : `${count(right)} of ${count(known)} whose truth is known`}. It was used for this page only.</p></div>
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

/** What was selected for each class: how many, with which scores, and how many of them rightly. */
export function classSelection({ selection, classes, counts }: SemiReportData): Markup | undefined {
  if (!selection) return undefined;
  const records = selection.classes;
  const truth = records.some((record) => record.truth);
  const row = (record: SelectedClass, index: number): Markup =>
    markup`<tr><th scope="row"><span>${classes[index]}</span></th>${selectedCell(record, counts.select)}${
      truth ? shareCell(precision(record), record.truth?.known) : undefined
    }<td>${histogram(record)}</td>${[record.highest, record.lowest].map(scoreCell)}<td class="number" data-value="${record.candidates}">${count(record.candidates)}</td></tr>
`;
  return markup`<section><h2>Selected for each class</h2>
${nothingFor(records, classes)}${shortfall(records, counts.select)}
<p>The little histograms show the scores, from 0 to 1, of the images that the teacher takes for the class; strong bars reach the last score that was selected. Heights are square roots.</p>
<div class="scroll${tall(records.length)}"><table class="list sortable selection">
<thead><tr>${sortHead("class", { kind: "text" })}${sortHead("selected")}${truth ? sortHead("labels right") : undefined}<th scope="col">scores 0 to 1</th>${["best score", "last score", "candidates"].map((name) => sortHead(name))}</tr></thead>
<tbody>${records.map(row)}</tbody></table></div></section>`;
}

/** The count, and a mark where the class has fewer than K, or none. */
function selectedCell({ selected }: SelectedClass, select: SelectCounts | undefined): Markup {
  const lack = selected === 0 ? "none" : selected < wanted(select) ? "fewer than K" : undefined;
  return markup`<td class="number" data-value="${selected}">${
    lack === undefined ? undefined : markup`<b class="few" role="img" aria-label="${lack}">⚠</b> `
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

/** Names the classes that got no image. */
function nothingFor(records: readonly SelectedClass[], classes: readonly string[]): Markup | undefined {
  const names = classes.filter((_, index) => records[index]?.selected === 0);
  if (names.length === 0) return undefined;
  return markup`<p class="notice">⚠ No image was selected for ${names.length === 1 ? "one class" : `${count(names.length)} classes`}, and nothing is learnt of ${names.length === 1 ? "it" : "them"} from the unlabelled images: ${names.map((name, index) => markup`${index === 0 ? "" : ", "}<bdi>${name}</bdi>`)}.</p>
`;
}

function shortfall(records: readonly SelectedClass[], select: SelectCounts | undefined): Markup | undefined {
  const k = wanted(select);
  if (k === 0) return undefined;
  const few = records.filter(({ selected }) => selected < k && selected > 0);
  if (records.every(({ selected }) => selected >= k))
    return markup`<p>Every class has its ${count(k)} images.</p>`;
  if (few.length === 0) return undefined;
  const least = Math.min(...few.map(({ selected }) => selected));
  return markup`<p class="notice">⚠ ${few.length === 1 ? "One class has" : `${count(few.length)} classes have`} fewer than the ${count(k)} images wanted (the fewest: ${count(least)}). A smaller K or more unlabelled images would balance them.</p>`;
}

/**
 * Images that the teacher takes for a class by score, from 0 to 1; bars that reach the last selected score are strong.
 * Heights are square roots, so that the few show beside the many.
 */
function histogram({ bestScores: bins, lowest }: SelectedClass): Markup {
  const most = Math.max(1, ...bins);
  const total = bins.reduce((sum, images) => sum + images, 0);
  const bars = (taken: boolean): string =>
    bins
      .map((images, bin) => {
        const isTaken = lowest !== null && (bin + 1) / bins.length > lowest;
        if (images === 0 || isTaken !== taken) return "";
        const height = 1 + Math.round(300 * Math.sqrt(images / most)) / 10;
        return `M${5 * bin + 0.5} 32v${-height}h4v${height}z`;
      })
      .join("");
  return markup`<svg class="histogram" viewBox="0 0 ${5 * bins.length} 33" preserveAspectRatio="none" role="img" aria-label="Scores of ${count(total)} images"><path class="left" d="${bars(false)}"/><path class="taken" d="${bars(true)}"/><path class="base" d="M0 32.5h${5 * bins.length}"/></svg>`;
}
