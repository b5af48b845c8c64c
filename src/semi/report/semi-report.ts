import { count, factTable, markup, significant, type Content, type Markup } from "../../report/elements.ts";
import { page } from "../../report/page.ts";
import { reliabilitySection } from "../../train/index.ts";
import { armTable, otherArms } from "./arms.ts";
import { classChanges, confusions } from "./classes.ts";
import { armCurves, sweeps } from "./curves.ts";
import type { PipelineCounts, SemiReportData, StageCost } from "./data.ts";
import { opening } from "./opening.ts";
import { adaptationCurve, isOwn, ownChoice, ownNext, ownSteps } from "./own-photos.ts";
import { classSelection, pseudoLabels, selectedText, strips } from "./selection.ts";
import { duration } from "./statistics.ts";

/**
 * A page of its own that shows a semi-supervised run: what the unlabelled images brought and how sure that is, what
 * the teacher picked, where the models err, and what it cost. It opens without a network and asks for nothing from
 * one; what a run does not have is left out.
 */
export function semiReport(data: SemiReportData): string {
  const content = [
    opening(data),
    ...(isOwn(data)
      ? [ownChoice(data), ownNext(data), steps(ownSteps(data)), adaptationCurve(data)]
      : [steps(stepsOf(data.counts, data.classes.length))]),
    strips(data),
    pseudoLabels(data),
    classSelection(data),
    classChanges(data),
    armTable(data.arms, comparedArms(data)),
    otherArms(data),
    sweeps(data),
    armCurves(data.curves ?? []),
    confusions(data),
    data.sureness && reliabilitySection(data.sureness),
    cost(data),
  ];
  return page(data.title, content, semiStyle);
}

/** The arm that the others are held against, and the outcome. */
const comparedArms = ({ own, measuredOn, classes }: SemiReportData): Parameters<typeof armTable>[1] => ({
  images: measuredOn?.images,
  classes: classes.length,
  ...(own
    ? { baseline: own.between?.without ?? "labels-alone", outcome: own.best?.arm }
    : { baseline: "supervised", outcome: "finetuned" }),
});

interface Step {
  readonly name: string;
  readonly figure: string;
  readonly unit: string;
  readonly text: Content;
}

/** The pipeline in steps, with the counts of this run. */
function steps(all: readonly Step[]): Markup {
  return markup`<section><h2>How it works</h2>
<ol class="steps" style="--steps:${all.length}">${all.map(
    ({ name, figure, unit, text }) => markup`<li><h3>${name}</h3>
<p class="figure"><b>${figure}</b> ${unit}</p><p>${text}</p></li>
`,
  )}</ol></section>`;
}

function stepsOf(counts: PipelineCounts, classes: number): readonly Step[] {
  const { labelled, taught = true, unlabelled, score, select, pretrainImages, finetuneImages } = counts;
  const known = `${count(classes)} class${classes === 1 ? "" : "es"}`;
  return [
    {
      name: "Teach",
      figure: count(labelled),
      unit: "labelled images",
      text: taught
        ? `A teacher learns ${known} from the images that people labelled.`
        : `The teacher was trained before. It chooses among the ${known} of the images that people labelled.`,
    },
    {
      name: "Score",
      figure: count(unlabelled),
      unit: "unlabelled images",
      text: score
        ? `The teacher looked at ${count(score.images)} of them and noted the ${score.p === 1 ? "likeliest class" : `${count(score.p)} likeliest classes`} of each. ${broken(score.broken)}`
        : pending,
    },
    {
      name: "Select",
      figure: select ? count(select.images) : "–",
      unit: "images selected",
      text: select ? selectedText(select) : pending,
    },
    {
      name: "Pre-train",
      figure: pretrainImages === undefined ? "–" : count(pretrainImages),
      unit: "images processed",
      text:
        pretrainImages === undefined
          ? pending
          : "The student learns from the selected images as if the teacher's labels were true.",
    },
    {
      name: "Fine-tune",
      figure: finetuneImages === undefined ? "–" : count(finetuneImages),
      unit: "images processed",
      text:
        finetuneImages === undefined
          ? pending
          : "The student then learns from the labelled images, whose labels are true.",
    },
  ];
}

const pending = "Not done yet.";

const broken = (images: number): string =>
  images === 0 ? "All could be read." : `${count(images)} could not be read.`;

/** What the run took, on which machine, with which settings, from what. */
function cost({ stages, machine, settings, provenance }: SemiReportData): Markup | undefined {
  if (stages.length + machine.length + provenance.length === 0 && settings === "") return undefined;
  return markup`<section><h2>Cost and origin</h2>
${stageTable(stages)}
<div class="columns">${factTable("Machine", machine)}${factTable("Provenance", provenance)}</div>
${settings === "" ? undefined : markup`<details><summary>Settings</summary><pre>${settings}</pre></details>`}</section>`;
}

function stageTable(stages: readonly StageCost[]): Markup | undefined {
  if (stages.length === 0) return undefined;
  const total = stages.reduce((sum, { seconds }) => sum + seconds, 0);
  return markup`<div class="scroll"><table class="list">
<thead><tr><th scope="col">stage</th><th scope="col" class="number">images</th><th scope="col" class="number">images/s</th><th scope="col" class="number">time</th></tr></thead>
<tbody>${stages.map((stage) => row(stage, total))}</tbody>
<tfoot><tr class="chosen"><th scope="row">together</th><td></td><td></td><td class="number">${duration(total)}</td></tr></tfoot></table></div>`;
}

function row({ name, images, seconds }: StageCost, total: number): Markup {
  const share = total > 0 ? (100 * seconds) / total : 0;
  return markup`<tr><th scope="row">${name}</th><td class="number">${images === undefined ? "–" : count(images)}</td><td class="number">${
    images === undefined || seconds === 0 ? "–" : rate(images / seconds)
  }</td><td class="number bar" style="--share:${share.toFixed(1)}%">${duration(seconds)}</td></tr>
`;
}

const rate = (value: number): string =>
  value < 1000 ? significant(value) : count(Number(value.toPrecision(3)));

/** What the semi-supervised report adds to the look of all pages. */
const semiStyle = `
.opening h1 { font-size: 17px; font-weight: 600; letter-spacing: 0; }
.opening h1 + p { margin-top: 2px; }
.opening .headline { color: var(--ink); font-size: clamp(22px, 1.2rem + 1.4vw, 36px); line-height: 1.25; font-weight: 600; letter-spacing: -.02em; margin-top: 28px; max-width: 27em; text-wrap: balance; }
.headline b { white-space: nowrap; color: var(--training); font-weight: 700; }
.headline b ~ b { color: var(--validation); }
.opening .lead { font-size: 17px; margin-top: 14px; max-width: 62em; text-wrap: pretty; }
.outcome { display: grid; grid-template-columns: minmax(200px, 270px) minmax(0, 1fr); gap: 28px 48px; align-items: center; margin-top: 32px; padding: 28px 32px; border-radius: 14px; background: var(--raised); }
.outcome > :only-child { grid-column: 1 / -1; }
.gain { line-height: 1.35; font-size: 14px; }
.gain > p:first-child { font-size: 20px; color: var(--ink); }
.gain b { font-size: 60px; line-height: 1; font-weight: 700; letter-spacing: -.04em; }
.gain.better b { color: var(--training); }
.gain.worse b { color: var(--bad); }
.gain b.range { font-size: 29px; line-height: 1.15; white-space: nowrap; letter-spacing: -.02em; color: var(--ink); }
.gain .meaning { color: var(--ink); font-size: 16px; font-weight: 500; margin: 6px 0 10px; }
p.gain { font-size: 20px; }
.measured { font-size: 14px; margin-top: 16px; max-width: 90ch; }

.unseen { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; white-space: nowrap; }
.dots { width: 100%; table-layout: fixed; }
.dots caption { text-align: left; color: var(--soft); font-size: 13px; padding-bottom: 8px; }
.dots .name { width: 236px; }
.dots th { text-align: left; font-weight: 500; line-height: 1.25; padding: 7px 16px 7px 0; overflow-wrap: anywhere; }
.dots th small { display: block; font-size: 12px; font-weight: 400; color: var(--soft); }
.dots .value { width: 124px; text-align: right; white-space: nowrap; font-weight: 500; padding: 0; }
.dots .finetuned th, .dots .finetuned .value { font-weight: 700; }
.track { position: relative; padding: 0; --tone: var(--soft); }
.dots tbody .track { background: linear-gradient(var(--line), var(--line)) no-repeat 0 50% / 100% 1px; }
.pretrained .track { --tone: var(--second); }
.finetuned .track { --tone: var(--training); } .teacher .track { --tone: var(--third); }
.track i, .track b { position: absolute; top: 50%; translate: -50% -50%; }
.supervised .track, .labels-alone .track { --tone: var(--validation); } .tuned-alone .track { --tone: var(--third); }
.labels .track { --tone: var(--second); } .tuned .track, .joint .track { --tone: var(--training); }
.dots .chosen th, .dots .chosen .value { font-weight: 700; }
.track s { position: absolute; top: 50%; height: 3px; translate: 0 -50%; border-radius: 2px; background: var(--tone); opacity: .55; }
.key s { display: inline-block; vertical-align: middle; width: 22px; height: 3px; margin-right: 3px; border-radius: 2px; background: var(--tone); }
.track i, .key i { width: 11px; height: 11px; border-radius: 50%; border: 2px solid var(--tone); background: color-mix(in srgb, var(--tone) 35%, var(--raised)); opacity: .85; }
.track b, .key b { width: 3px; height: 26px; border-radius: 2px; background: var(--tone); }
.dots tfoot td { height: 22px; padding: 0; }
.dots tfoot span { position: absolute; bottom: 0; translate: -50%; font-size: 12px; line-height: 1; color: var(--soft); }
.key { white-space: nowrap; margin-right: 10px; --tone: var(--soft); }
p .key { margin-left: 10px; }
.key i, .key b { display: inline-block; vertical-align: middle; margin-right: 3px; }
.key b { height: 15px; }

.steps { list-style: none; counter-reset: step; display: grid; grid-template-columns: repeat(var(--steps), minmax(0, 1fr)); gap: 16px; margin: 20px 0 0; padding: 0; }
.steps li { counter-increment: step; position: relative; padding: 16px; border: 1px solid var(--line); border-radius: 12px; font-size: 14px; line-height: 1.45; break-inside: avoid; }
.steps li + li::before { content: ""; position: absolute; left: -12px; top: 28px; width: 7px; height: 7px; border: solid var(--soft); border-width: 2px 2px 0 0; rotate: 45deg; }
.steps h3 { margin: 0 0 10px; }
.steps h3::before { content: counter(step); display: inline-grid; place-items: center; width: 22px; height: 22px; margin-right: 8px; border-radius: 50%; background: var(--training); color: var(--ground); font-size: 13px; }
.steps .figure { color: var(--ink); margin-bottom: 8px; font-size: 13px; }
.steps .figure b { display: block; font-size: 23px; line-height: 1.2; letter-spacing: -.02em; }

.strips { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 26px 40px; margin-top: 20px; }
.strips article { min-width: 0; break-inside: avoid; }
.strips h3 { margin: 0 0 6px; }
.strips ol { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 10px; }
.strips li { min-width: 0; font-size: 13px; line-height: 1.35; }
.strips img, .strips .missing { display: block; width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 8px; margin-bottom: 5px; background: var(--raised); }
.strips .missing { display: grid; }
.strips small { display: block; color: var(--soft); font-size: 12px; white-space: nowrap; }
.strips .answer { display: block; color: var(--soft); overflow-wrap: anywhere; }
.strips .wrong .answer { color: var(--bad); font-weight: 600; }
.strips .wrong img { outline: 3px solid var(--bad); outline-offset: -3px; }

.choice { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); gap: 8px 48px; max-width: 1080px; }
.choice ol { margin: 0; padding-left: 1.3em; } .choice li { margin-bottom: 6px; }
.choice code { overflow-wrap: anywhere; }
.beside { display: grid; grid-template-columns: minmax(200px, 270px) minmax(0, 1fr); gap: 28px 48px; align-items: center; }
.list tbody th, .list tfoot th { font-weight: inherit; }
.list tbody tr:last-child th { border-bottom: 0; }
.list tfoot th, .list tfoot td { border-top: 1px solid var(--line); border-bottom: 0; }
.list .chosen th { font-weight: 600; }
.notice + p { margin-top: 8px; }
.selection td { vertical-align: middle; }
.few { color: var(--bad); }
.histogram { display: block; width: 160px; height: 34px; }
.histogram .left { fill: var(--soft); opacity: .55; }
.histogram .taken { fill: var(--training); }
.histogram .base { stroke: var(--line); fill: none; }
.wide { width: 34%; min-width: 150px; }
.between { position: relative; height: 16px; margin: 0 8px; background: linear-gradient(var(--line), var(--line)) no-repeat 0 50% / 100% 1px; }
.between::before { content: ""; position: absolute; top: 6px; height: 4px; left: var(--from); width: calc(var(--to) - var(--from)); background: var(--training); opacity: .45; }
.between.lost::before { background: var(--bad); }
.between i { position: absolute; top: 50%; translate: -50% -50%; }
i.before, i.after { width: 11px; height: 11px; border-radius: 50%; border: 2px solid var(--validation); background: var(--ground); }
i.after { border-color: var(--training); background: var(--training); }
.between.lost i.after { border-color: var(--bad); background: var(--bad); }
.key i.before, .key i.after { opacity: 1; }

details { margin-top: 20px; }
summary { cursor: pointer; font-weight: 600; }
summary:focus-visible { outline: 2px solid var(--training); outline-offset: 3px; border-radius: 2px; }
pre { overflow: auto; padding: 14px 16px; border-radius: 10px; background: var(--raised); font: 13px/1.5 ui-monospace, "Cascadia Code", Menlo, Consolas, monospace; }

@media (max-width: 900px) {
  .steps { grid-template-columns: 1fr; gap: 12px; }
  .steps li + li::before { left: 23px; top: -9px; rotate: 135deg; }
  .steps .figure b { display: inline; }
}
@media (max-width: 760px) {
  .outcome, .beside { grid-template-columns: minmax(0, 1fr); }
  .outcome { padding: 20px 16px; margin-top: 24px; }
  .dots, .dots caption, .dots tbody, .dots tfoot { display: block; }
  .dots colgroup { display: none; }
  .dots tbody tr { display: grid; grid-template-columns: 1fr auto; }
  .dots tbody th { width: auto; padding-bottom: 0; grid-area: 1 / 1; }
  .dots tbody .value { width: auto; grid-area: 1 / 2; padding-top: 7px; }
  .dots tbody .track { grid-area: 2 / 1 / 2 / 3; height: 28px; margin: 0 8px; }
  .dots tfoot tr { display: block; margin: 0 8px; }
  .dots tfoot td { display: block; }
  .dots tfoot td:not(.track) { display: none; }
}
@media (max-width: 560px) {
  .opening .headline { margin-top: 20px; }
  .opening .lead { font-size: 15px; }
  .strips ol { gap: 8px; }
  .strips li { font-size: 12px; }
  .histogram { width: 96px; height: 26px; }
  .arms th:first-child, .selection th:first-child, .changes th:first-child { min-width: 106px; position: sticky; left: 0; z-index: 1; background: var(--ground); }
  .arms thead th:first-child, .selection thead th:first-child, .changes thead th:first-child { z-index: 2; background: var(--raised); }
  .list tbody th { min-width: 106px; }
  .list { font-size: 13px; }
  .list th, .list td { padding: 5px 6px; }
}
@media print {
  details::details-content { content-visibility: visible; block-size: auto; }
  summary { list-style: none; }
  .outcome { padding: 14px 18px; }
  .gain b { font-size: 44px; }
  .strips { grid-template-columns: 1fr 1fr; gap: 14px 24px; }
  .steps { grid-template-columns: repeat(var(--steps), 1fr); gap: 10px; }
  .steps li { font-size: 10px; padding: 10px; }
  .steps li + li::before { display: none; }
  .steps h3 { white-space: nowrap; }
  .steps h3::before { width: 16px; height: 16px; margin-right: 5px; font-size: 10px; }
  .opening .lead, .gain b.range { font-size: 29px; line-height: 1.15; white-space: nowrap; letter-spacing: -.02em; color: var(--ink); }
.gain .meaning { font-size: 13px; }
  .measured, .gain, .strips li, .dots th small, .dots caption { font-size: 10px; }
  .steps .figure { font-size: 10px; }
  .steps .figure b { display: block; font-size: 17px; }
  .histogram { width: 110px; height: 22px; }
}
`;
