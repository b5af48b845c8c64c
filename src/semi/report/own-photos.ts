import { shellWord } from "../../core/index.ts";
import { axisOver, chart } from "../../report/chart.ts";
import { count, markup, significant, type Content, type Markup } from "../../report/elements.ts";
import type { Features } from "../../train/index.ts";
import { suggestionGallery } from "../suggest/contact-sheet.ts";
import { armDots, armName } from "./arms.ts";
import type { OwnArm, OwnPhotos, PipelineCounts, SemiReportData } from "./data.ts";
import { selectedText } from "./selection.ts";
import { signed } from "./statistics.ts";
import { judgedOn, verdictOf, type Judged, type Verdict } from "./verdict.ts";

/** The first line of a page of the methods adapt, labels and joint: the verdict, with its shares in bold. */
export function ownHeadline({ own, status }: OwnReportData): Markup {
  if (!own.compared)
    return status === "running"
      ? markup`What the unlabelled images bring is not measured yet.`
      : markup`What the unlabelled images bring was not measured: the run ended before.`;
  const [first = "", ...rest] = verdictOf(own.compared).headline.split(shares);
  return markup`${first}${rest.map((part, index) => (index % 2 === 0 ? markup`<b>${part}</b>` : part))}`;
}

/** Accuracies have a digit after the point, or are counts; the confidence of an interval has none. */
const shares = /(\d+\.\d %|\d+ of \d+)/;

/** A page's data of these methods. */
export type OwnReportData = SemiReportData & { readonly own: OwnPhotos };

/** Whether a page is one of these. */
export const isOwn = (data: SemiReportData): data is OwnReportData => data.own !== undefined;

/** What was done, in a sentence or two. */
export function ownLead({ own, counts }: OwnReportData): string {
  const labelled = `${count(counts.labelled)} labelled image${counts.labelled === 1 ? "" : "s"}`;
  if (own.method === "labels" && own.classifier?.features === "as they are")
    return `The unlabelled images have no part in what is learnt: the ${labelled} alone teach the classes.`;
  if (own.method === "joint")
    return `A classifier learns the classes from the ${labelled} and picks the unlabelled ones that it is surest of; the whole network then learns from both together. The same is done without the unlabelled images, to compare with.`;
  return own.method === "adapt"
    ? `The network first learns from ${own.adaptation ? `${count(own.adaptation.images)} images` : "all images"}, without any label; then from the ${labelled} what the classes are. The same is done without the unlabelled images, to compare with.`
    : `The unlabelled images scale what the network sees; the ${labelled} teach it the classes. The same is done without the unlabelled images, to compare with.`;
}

/** The gain in large figures beside all models; nothing until it is measured. */
export function ownOutcome({ own, arms, measuredOn }: OwnReportData): Markup | undefined {
  const { compared } = own;
  const judged = compared && judgedOn(compared);
  const dots = armDots(arms, measuredOn?.images, { chosen: own.best?.arm, hasIntervals: true });
  if (!judged && !dots) return undefined;
  const isCompared = judged && compared.unused === undefined;
  return markup`<div class="outcome">${isCompared ? panel(verdictOf(compared), judged) : undefined}${dots}</div>`;
}

const looks: Readonly<Record<Verdict["outcome"], string>> = {
  gain: "better",
  "no gain": "unclear",
  loss: "worse",
  "cannot tell": "unclear",
  "labels alone better": "worse",
  "not used": "unclear",
};

const meanings: Readonly<Record<Verdict["outcome"], string>> = {
  gain: "percentage points more right answers than with labels alone",
  "no gain": "percentage points against labels alone: no gain that can be shown",
  loss: "percentage points: fewer right answers than with labels alone",
  "cannot tell": "percentage points against labels alone: too few images to tell",
  "labels alone better": "percentage points with the unlabelled images: the model of labels alone was taken",
  "not used": "percentage points: the unlabelled images had no part in the model",
};

/** Where nothing can be told, the interval stands in the place of the difference, which would look like a result. */
function panel({ outcome }: Verdict, { points, interval: { low, high }, by }: Judged): Markup {
  const from =
    by === "cross-validation" ? "paired, from cross-validation" : `paired, over the choice of ${by} images`;
  const isUnknown = outcome === "cannot tell";
  return markup`<div class="gain ${looks[outcome]}">
<p>${isUnknown ? markup`<b class="range">${signed(low)} to ${signed(high)}</b>` : markup`<b>${signed(points)}</b>`}</p>
<p class="meaning">${meanings[outcome]}</p>
<p>95 % interval${isUnknown ? "" : ` ${signed(low)} to ${signed(high)}`}, ${from}</p>
</div>`;
}

/** What was measured, how sure it is, and which file came of it. */
export function ownMeasured(data: OwnReportData): Markup | undefined {
  const { own, match } = data;
  if (!own.compared) return undefined;
  return markup`<p class="measured">${verdictOf(own.compared).uncertainty}${own.compared.unused === undefined ? ` ${matchText(match)}` : ""}</p>`;
}

/** Whether the trainings that are compared differ in more than the unlabelled images. */
function matchText(match: SemiReportData["match"]): string {
  if (!match) return "Whether both trainings had the same start, steps and augmentation is not recorded.";
  const apart = differences(match);
  return apart.length === 0
    ? `An even match: both models began from ${match.start.with}, ${match.steps.with === 0 ? "and their classifiers were fitted alike" : `took ${steps(match.steps.with)} and saw the same augmentation`}.`
    : `Not an even match, so the difference is not that of the unlabelled images alone: ${apart.join("; ")}.`;
}

function steps(taken: number): string {
  if (taken === 0) return "a classifier's fit alone";
  return taken === 1 ? "one step" : `${count(taken)} steps`;
}

/** In what two trainings differ besides the unlabelled images, each in words; nothing where they are alike. */
export function differences({
  start,
  steps: taken,
  augmentation,
}: NonNullable<SemiReportData["match"]>): readonly string[] {
  const apart = (name: string, values: { readonly with: string; readonly without: string }): string[] =>
    values.with === values.without
      ? []
      : [`${name} ${values.with} with the unlabelled images, ${values.without} without`];
  return [
    ...apart("start", start),
    ...apart("length", { with: steps(taken.with), without: steps(taken.without) }),
    ...apart("augmentation", augmentation),
  ];
}

/** What was chosen and why, and what would help. */
export function ownChoice({ own, counts }: OwnReportData): Markup | undefined {
  const { best, reason, compared } = own;
  const verdict = compared && verdictOf(compared);
  if (!best && !verdict && reason === undefined) return undefined;
  return markup`<section><h2>What was chosen</h2><div class="choice">
<div>${
    best &&
    markup`<h3>The model</h3><p><code>best.safetensors</code> is the model <strong>${armName(best.arm)}</strong>: ${best.what}. ${why(own, isAlone(best.arm))}</p>${
      verdict && againstBest(own, best.arm, verdict)
    }`
  }
<h3>The method</h3><p><strong>${own.method}</strong>${reason === undefined ? "" : `: ${reason.replace(/\.$/, "")}`}. All ${count(counts.labelled)} labelled images were trained on; none was kept back.</p></div>
${
  verdict && verdict.help.length > 0
    ? markup`<div><h3>What would help</h3><ol>${verdict.help.map((line) => markup`<li>${line}</li>`)}</ol></div>`
    : undefined
}
</div></section>`;
}

const isAlone = (arm: OwnArm): boolean => arm === "labels-alone" || arm === "tuned-alone";

/** What spoke for the model that was chosen. */
function why({ compared }: OwnPhotos, isVetoed: boolean): string {
  if (compared?.unused !== undefined) return "The one that may use the unlabelled images is the same.";
  if (isVetoed)
    return "It is not what the method ended with: that one's cross-validated log loss was worse by more than one standard error.";
  return compared?.crossValidated
    ? "It is what the method ends with; cross-validation did not veto it."
    : "It is what the method ends with; there was no cross-validation to veto it.";
}

/** Says so where the file is not the model that did better. */
function againstBest({ between }: OwnPhotos, arm: OwnArm, { outcome }: Verdict): Markup | undefined {
  if (outcome !== "loss" || isAlone(arm) || !between) return undefined;
  return markup`<p class="notice">On the images that were judged the other one did better: <code>${between.without}/best.safetensors</code>. Test images do not choose, or they would flatter what they chose; take that file if you trust them.</p>`;
}

interface Step {
  readonly name: string;
  readonly figure: string;
  readonly unit: string;
  readonly text: Content;
}

const pending = "Not done yet.";

/** How a classifier sees embeddings. */
const seen: Readonly<Record<Features, string>> = {
  "half-whitened": ", half-whitened by the statistics of the unlabelled images",
  "as they are": ", as they are",
};

/** The stages of these methods, with the counts of this run. */
export function ownSteps({ own, arms, counts, classes, status }: OwnReportData): readonly Step[] {
  const { method, adaptation, classifier, tuning, compared, best } = own;
  const isOver = best !== undefined || status === undefined || status === "finished";
  return [
    ...(method === "adapt" ? [adaptStep(adaptation, counts)] : []),
    {
      name: "Classify",
      figure: count(counts.labelled),
      unit: `labelled image${counts.labelled === 1 ? "" : "s"}`,
      text: classifier
        ? `A classifier of ${count(classes.length)} classes on the frozen network's embeddings${seen[classifier.features]}.${
            classifier.folds === undefined
              ? ""
              : ` Its weight decay is the one of the lowest log loss in ${count(classifier.folds)}-fold cross-validation.`
          }`
        : pending,
    },
    ...(method === "joint" ? [selectStep(counts.select)] : []),
    {
      name: "Tune",
      figure: tuning ? count(tuning.steps) : "–",
      unit: "steps",
      text: tuning
        ? `The whole network goes on from that classifier${tuning.augmentation === undefined ? "" : `, ${tuning.augmentation}`}.${
            method === "joint" ? " Of each batch, half are labelled images, and half selected ones." : ""
          }`
        : isOver
          ? "Not done: the network stays frozen."
          : pending,
    },
    {
      name: "Choose",
      figure: compared ? count(arms.length) : "–",
      unit: "models compared",
      text: compared
        ? `The same is trained without unlabelled images. ${
            compared.crossValidated
              ? `The log loss of ${count(compared.crossValidated.images)} images out of fold may veto the unlabelled ones.`
              : "No cross-validation could veto the unlabelled ones."
          }`
        : pending,
    },
  ];
}

const selectStep = (select: PipelineCounts["select"]): Step => ({
  name: "Select",
  figure: select ? count(select.images) : "–",
  unit: "images selected",
  text: select ? selectedText(select) : pending,
});

function adaptStep(adaptation: OwnPhotos["adaptation"], counts: PipelineCounts): Step {
  const losses = adaptation?.losses ?? [];
  const loss =
    losses.length > 1 ? ` The loss went from ${losses[0]!.toFixed(2)} to ${losses.at(-1)!.toFixed(2)}.` : "";
  return {
    name: "Adapt",
    figure: count(adaptation?.images ?? counts.labelled + counts.unlabelled),
    unit: "images, no labels",
    text: adaptation
      ? `In ${adaptation.epochs === 1 ? "one epoch" : `${count(adaptation.epochs)} epochs`} the network learns to tell two random views of one image from all other images.${loss}`
      : pending,
  };
}

/** The images to label next, with what the classifier hesitates between, and how to get them as a folder. */
export function ownNext({ own: { next }, title }: OwnReportData): Markup | undefined {
  if (!next || next.images.length === 0) return undefined;
  return markup`<section><h2>Label these next</h2>
<p>Of ${count(next.among)} unlabelled images, those whose labels would help most: likely to show one of the classes, it is not clear which, and unlike each other. The least certain come first. As a folder to sort them in, beside this run:</p>
<pre>ssl-resnext suggest -m ${shellWord(title)} -o FOLDER</pre>
${suggestionGallery(next.images)}</section>`;
}

/** The loss of the adaptation over its epochs. */
export function adaptationCurve({ own }: OwnReportData): Markup | undefined {
  const losses = own.adaptation?.losses ?? [];
  if (losses.length < 2) return undefined;
  const last = losses.length;
  return markup`<section><h2>Learning without labels</h2>
<p>Contrastive loss on images with and without labels, epoch by epoch. It says that the network still learns, not that the classes gain by it.</p>
<div class="charts">${chart({
    title: "Loss of the adaptation",
    x: { from: 1, to: last, ticks: axisOver([1, last]).ticks.filter((tick) => tick >= 1 && tick <= last) },
    formatX: significant,
    formatY: significant,
    curves: [
      {
        name: "training",
        kind: "training",
        marked: last <= 30,
        points: losses.map((y, index) => ({ x: index + 1, y, at: `epoch ${index + 1}` })),
      },
    ],
  })}</div></section>`;
}
