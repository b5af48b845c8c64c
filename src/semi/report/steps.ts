import { count, markup, type Content, type Markup } from "../../train/report/index.ts";
import type { PipelineCounts, SelectCounts } from "./data.ts";

interface Step {
  readonly name: string;
  readonly figure: string;
  readonly unit: string;
  readonly text: Content;
}

/** The pipeline in five steps, with the counts of this run. */
export function steps(counts: PipelineCounts, classes: number): Markup {
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
