import { count, markup, thumbnailPicture, type Markup } from "../../train/report/index.ts";
import type { SelectedClass, SelectCounts, SemiReportData, StripImage } from "./data.ts";
import { openStrips } from "./strip-choice.ts";

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
