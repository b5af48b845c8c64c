import type { ConfidenceFit, Reliability } from "../../predict/index.ts";
import { chart, type ChartPoint, type Curve } from "../../report/chart.ts";
import { count, markup, percent, significant, type Markup } from "../../report/elements.ts";

/** Fewer images make no point of their own: their share of right answers is chance. */
const fewestOfPoint = 10;

/** How sure a model is, and on which images that was measured. */
export interface Sureness extends ConfidenceFit {
  /** Images that had no part in the temperature. @default those of the temperature, each at one that other images gave */
  readonly measuredOn?: string | undefined;
  /** What else there is to know, in a sentence. */
  readonly note?: string | undefined;
}

/** The reliability diagram of a model, its temperature, and what that is worth. */
export function reliabilitySection({
  confidence,
  reason,
  reliability: { raw, scaled },
  measuredOn,
  note,
}: Sureness): Markup {
  const errors = `is ${percent(raw.calibrationError)} of the logits as they come`;
  const where = measuredOn === undefined ? "" : ` on ${measuredOn}`;
  const measured = scaled
    ? `${errors}, and ${percent(scaled.calibrationError)} ${measuredOn === undefined ? "of each image at a temperature that other images gave" : "at the temperature"}`
    : errors;
  const text = confidence
    ? markup`<p>The model divides its logits by the <b>temperature ${significant(confidence.temperature)}</b> before it gives probabilities; that was fitted to ${confidence.fittedTo}. Answers below <b>${significant(confidence.unknownBelow)}</b> are better taken as unknown (<code>--unknown-below suggested</code>): 95 % of the right ones reach that. Other probabilities on this page are those of the logits as they come.</p>`
    : markup`<p>Probabilities are those of the logits as they come${reason === undefined ? "" : `: ${reason}`}.</p>`;
  const error =
    raw.images === 0
      ? undefined
      : markup`<p>The expected calibration error${where} ${measured}: how far the share of right answers is from the probability, in the mean. ${note}</p>`;
  const curves: readonly Curve[] = [
    curve("as the logits come", "training", raw),
    ...(scaled ? [curve("at the temperature", "validation", scaled)] : []),
  ];
  const isDrawn = curves.some(({ points }) => points.length > 1);
  return markup`<section><h2>How sure it is</h2>
${text}${error}
${
  isDrawn
    ? markup`<div class="charts">${chart({
        title: "Right answers by probability",
        curves: [{ name: "as often right as it says", kind: "reference", points: diagonal }, ...curves],
        x: { from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1] },
        y: { from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1] },
        formatX: share,
        formatY: share,
      })}</div><p class="axis">Horizontally: probability of the best class, neighbouring stretches together until they hold ${fewestOfPoint} images. Below the line the model is too sure.</p>`
    : undefined
}</section>`;
}

const share = (value: number): string => `${(100 * value).toFixed(0)} %`;

const diagonal: readonly ChartPoint[] = [0, 0.25, 0.5, 0.75, 1].map((x) => ({ x, y: x, at: share(x) }));

function curve(name: string, kind: Curve["kind"], { bins }: Reliability): Curve {
  const points: ChartPoint[] = [];
  let [images, sure, right] = [0, 0, 0];
  for (const bin of bins) {
    if (bin.images === 0) continue;
    images += bin.images;
    sure += bin.images * bin.probability;
    right += bin.images * bin.right;
    if (images < fewestOfPoint) continue;
    const at = `${share(sure / images)} sure · ${count(images)} images`;
    points.push({ x: sure / images, y: right / images, at });
    [images, sure, right] = [0, 0, 0];
  }
  return { name, kind, points, marked: true };
}
