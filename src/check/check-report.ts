import { shellWord } from "../core/index.ts";
import { count, markup, sortHead, thumbnailPicture, type Markup } from "../report/elements.ts";
import { page } from "../report/page.ts";
import type { ClassCount, SetImage } from "../data/index.ts";
import { findingKinds, type Finding, type FindingKind } from "./findings.ts";
import type { CheckResult } from "./options.ts";

/** Small pictures of images as `data:` URLs, by {@link pictureKey}. */
export type Pictures = ReadonlyMap<string, string>;

export const pictureKey = ({ set, image }: SetImage): string => `${set} ${image}`;

/** What the page of a check shows; everything in it is plain data. */
export interface CheckReportData {
  readonly result: CheckResult;
  /** What was found, the kinds in their order. */
  readonly findings: readonly Finding[];
  readonly pictures: Pictures;
  /** Name of the model, if one was asked. */
  readonly model: string | undefined;
}

/** Findings of a kind that the page shows: the list of fixes has all of them. */
export const shownOfKind = 24;

/**
 * A page of its own that shows what is wrong with images, the gravest first, each kind with pictures of its first findings. It opens
 * without a network and asks for nothing from one.
 */
export function checkReport(data: CheckReportData): string {
  const { result, findings, model } = data;
  return page(
    "Check of images",
    [
      overview(result, findings, model),
      problems(result),
      (Object.keys(findingKinds) as FindingKind[]).map((kind) => findingSection(kind, data)),
      classTable(result),
    ],
    style,
  );
}

const setNames: Readonly<Record<CheckResult["sets"][number]["set"], string>> = {
  labelled: "Labelled",
  validation: "Validation",
  test: "Test",
  unlabelled: "Unlabelled",
};

function overview(
  { sets, classes, engine, precision }: CheckResult,
  findings: readonly Finding[],
  model: string | undefined,
): Markup {
  const tiles = [
    ...sets.map(({ set, images }) => ({ name: setNames[set], value: count(images) })),
    { name: "Classes", value: count(classes.length) },
    { name: "Findings", value: count(findings.length) },
  ];
  return markup`<header>
<h1>Check of images</h1>
<p>${
    model === undefined
      ? "Files, sizes and copies were checked. With a model (-m) the check also looks for likely label errors, outliers and unlabelled images that are unlike any class."
      : `Files, sizes and copies were checked, and by the embeddings of ${model} (${engine}, ${precision}) likely label errors, outliers and images unlike any class.`
  }</p>
<dl class="tiles">${tiles.map(({ name, value }) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
</header>`;
}

function problems({ problems: all, findings, fixes }: CheckResult): Markup {
  if (all.length === 0) {
    return markup`<section><h2>Problems</h2><p class="clean">Nothing was found.</p></section>`;
  }
  return markup`<section><h2>Problems</h2>
<ul class="problems">${all.map(({ kind, text }) =>
    kind in findingKinds
      ? markup`<li><a href="#${kind}">${text}</a></li>`
      : markup`<li><span>${text}</span></li>`,
  )}</ul>
${findings === 0 ? undefined : markup`<p>Every finding about a single image is a row of <code>${fixes}</code>. Edit its columns <code>action</code> (keep, remove, relabel, move) and <code>to</code>; <code>ssl-resnext check</code> of the same images with <code>--apply ${shellWord(fixes)} --to FOLDER</code>, without a model, then makes a cleaned copy. The originals stay as they are.</p>`}</section>`;
}

function findingSection(
  kind: FindingKind,
  { findings, pictures, result }: CheckReportData,
): Markup | undefined {
  const own = findings.filter((finding) => finding.kind === kind);
  if (own.length === 0) return undefined;
  const { title, about } = findingKinds[kind];
  const rest = own.length - shownOfKind;
  const more =
    rest > 0
      ? markup`<p class="more">The first ${shownOfKind} of ${count(own.length)}; the others are in <code>${result.fixes}</code>.</p>`
      : undefined;
  return markup`<section id="${kind}"><h2>${title} <small>${count(own.length)}</small></h2>
<p>${about}</p>
${kind === "unreadable" ? fileList(own) : gallery(own, pictures)}
${more}</section>`;
}

function fileList(findings: readonly Finding[]): Markup {
  return markup`<div class="scroll"><table class="list">
<thead><tr><th scope="col">image</th><th scope="col">set</th><th scope="col">why</th></tr></thead>
<tbody>${findings.slice(0, shownOfKind).map(
    ({ image, set, found }) =>
      markup`<tr><td><span title="${image}">${image}</span></td><td>${set}</td><td><span>${found}</span></td></tr>
`,
  )}</tbody></table></div>`;
}

function gallery(findings: readonly Finding[], pictures: Pictures): Markup {
  const hasPairs = findings.some(({ other }) => other);
  return markup`<ul class="gallery${hasPairs ? " couples" : undefined}">${findings.slice(0, shownOfKind).map(
    (finding) => markup`<li>
${couple(finding, pictures)}
<b${finding.action === "keep" ? undefined : markup` class="wrong"`}><bdi>${suggestion(finding)}</bdi></b>
<span class="right"><bdi>${finding.found}</bdi></span>
${named(finding)}${finding.other && named(finding.other)}</li>
`,
  )}</ul>`;
}

function couple(finding: Finding, pictures: Pictures): Markup {
  const picture = (image: SetImage): Markup => thumbnailPicture(pictures.get(pictureKey(image)), image.image);
  const { other } = finding;
  return other ? markup`<div class="couple">${picture(finding)}${picture(other)}</div>` : picture(finding);
}

/** What is suggested, with what the labels say. */
function suggestion({ kind, action, label, to, other }: Finding): string {
  if (action === "relabel") return `${label} → ${to}`;
  if (kind === "label") return `${label}, or ${to}`;
  const isBoth = label !== undefined && other?.label !== undefined && label !== other.label;
  const labels = isBoth ? `${label} and ${other.label}` : label;
  const what = action === "keep" ? undefined : action === "move" ? `move to ${to}` : action;
  return [what, labels].filter((part) => part !== undefined).join(": ") || "look";
}

const named = ({ image, set }: SetImage): Markup =>
  markup`<small title="${set}: ${image}"><bdi>${image}</bdi></small>`;

/** Classes that the table lists; of more, the largest and the smallest. */
const mostClasses = 2000;

function classTable({ classes, sets }: CheckResult): Markup | undefined {
  if (classes.length === 0) return undefined;
  const measured = (["validation", "test"] as const).filter((name) => sets.some(({ set }) => set === name));
  const most = Math.max(...classes.map(({ labelled }) => labelled));
  const cell = (value: number): Markup =>
    markup`<td class="number" data-value="${value}">${count(value)}</td>`;
  const row = (one: ClassCount): Markup =>
    markup`<tr><td><span>${one.name}</span></td><td class="number bar" data-value="${one.labelled}" style="--share:${((100 * one.labelled) / (most || 1)).toFixed(1)}%">${count(one.labelled)}</td>${measured.map((set) => cell(one[set]))}</tr>
`;
  return markup`<section><h2>Classes</h2>
<div class="scroll tall"><table class="list sortable">
<thead><tr>${sortHead("class", { kind: "text" })}${sortHead("labelled", { sorted: "descending" })}${measured.map((set) => sortHead(set))}</tr></thead>
<tbody>${classes.slice(0, mostClasses).map(row)}</tbody></table></div>
${classes.length > mostClasses ? markup`<p class="more">The largest ${count(mostClasses)} of ${count(classes.length)}.</p>` : undefined}</section>`;
}

const style = `
h2 small { font-size: 15px; font-weight: 400; color: var(--soft); letter-spacing: 0; margin-left: 6px; }
section { scroll-margin-top: 12px; }
code { font: 13px ui-monospace, SFMono-Regular, Menlo, monospace; overflow-wrap: anywhere; color: var(--ink); }
.problems { list-style: none; margin: 0 0 16px; border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
.problems li + li { border-top: 1px solid var(--line); }
.problems a, .problems span { display: block; padding: 10px 16px; color: var(--ink); text-decoration: none; overflow-wrap: anywhere; }
.problems a::after { content: " ↓"; color: var(--soft); }
.problems a:hover { background: var(--raised); }
.problems a:focus-visible { outline: 2px solid var(--training); outline-offset: -2px; }
.clean { font-weight: 500; color: var(--good); }
.more { margin-top: 18px; }
.gallery b:not(.wrong) { font-weight: 600; }
.gallery.couples { grid-template-columns: repeat(auto-fill, minmax(232px, 1fr)); }
.couple { display: grid; grid-template-columns: 1fr 1fr; gap: 4px; }
@media (max-width: 560px) { .gallery.couples { grid-template-columns: repeat(auto-fill, minmax(164px, 1fr)); } }
@media print { .gallery.couples { grid-template-columns: repeat(3, 1fr); } }
`;
