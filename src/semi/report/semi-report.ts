import { count, factTable, significant } from "../../report/elements.ts";
import { markup, type Content, type Markup } from "../../report/markup.ts";
import { page } from "../../report/page.ts";
import { armTable, otherArms } from "./arms.ts";
import { classChanges, confusions } from "./classes.ts";
import { armCurves, sweeps } from "./curves.ts";
import type { PipelineCounts, SelectCounts, SemiReportData, StageCost } from "./data.ts";
import { opening } from "./opening.ts";
import { classSelection, pseudoLabels, strips } from "./selection.ts";
import { duration } from "./statistics.ts";
import { semiStyle } from "./style.ts";

/**
 * A page of its own that shows a semi-supervised run: what the unlabelled images brought and how sure that is, what
 * the teacher picked, where the models err, and what it cost. It opens without a network and asks for nothing from
 * one; what a run does not have is left out.
 */
export function semiReport(data: SemiReportData): string {
  const content = [
    opening(data),
    steps(data.counts, data.classes.length),
    strips(data),
    pseudoLabels(data),
    classSelection(data),
    classChanges(data),
    armTable(data.arms),
    otherArms(data.arms),
    sweeps(data),
    armCurves(data.curves ?? []),
    confusions(data),
    cost(data),
  ];
  return page(data.title, content, semiStyle);
}

interface Step {
  readonly name: string;
  readonly figure: string;
  readonly unit: string;
  readonly text: Content;
}

/** The pipeline in five steps, with the counts of this run. */
function steps(counts: PipelineCounts, classes: number): Markup {
  return markup`<section><h2>How it works</h2>
<ol class="steps">${stepsOf(counts, classes).map(
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
      text: select ? selected(select) : pending,
    },
    {
      name: "Pre-train",
      figure: pretrainImages === undefined ? "–" : count(pretrainImages),
      unit: "images processed",
      text:
        pretrainImages === undefined
          ? pending
          : "A new model, the student, learns from the selected images as if the teacher's labels were true.",
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

function selected(select: SelectCounts): readonly string[] {
  const { rows, images, duplicates } = select;
  return [
    chosen(select),
    rows > images ? `${count(rows - images)} labels are of images that stand for another class, too. ` : "",
    duplicates === null
      ? "Near-copies of labelled or test images were not looked for."
      : duplicates.images === 0
        ? "None was a near-copy of a labelled or test image."
        : `${count(duplicates.images)} near-copies of labelled or test images were left out.`,
  ];
}

function chosen({ ranking, k, rows }: SelectCounts): string {
  if (ranking === "threshold") return `All ${count(rows)} labels whose score reaches a threshold. `;
  return ranking === "balanced" && k !== null
    ? `Of each class, the ${count(k)} images that the teacher is surest of. `
    : `The ${count(rows)} labels that the teacher is surest of, whatever their class. `;
}

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
