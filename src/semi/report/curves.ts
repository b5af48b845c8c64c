import { axisOver, chart, type Axis, type Chart, type ChartPoint, type Curve } from "../../report/chart.ts";
import { compact, count, markup, significant, type Markup } from "../../report/elements.ts";
import { runsOf } from "./arms.ts";
import type { ArmCurve, ArmCurvePoint, SemiReportData, SweepFigure, SweepPoint } from "./data.ts";
import { plusMinus, spread } from "./statistics.ts";

/** Looks of the curves, in their order; a page that has more starts again. */
const curveKinds = ["training", "validation", "second", "third"] as const;

/** Training loss and accuracy of each arm over the images that it processed. */
export function armCurves(curves: readonly ArmCurve[]): Markup | undefined {
  const last = Math.max(...curves.flatMap(({ points }) => points.map((point) => point.imagesProcessed)));
  if (!(last > 0)) return undefined;
  const x = { from: 0, to: last, ticks: axisOver([0, last]).ticks.filter((tick) => tick <= last) };
  const figure = (
    title: string,
    value: (point: ArmCurvePoint) => number | undefined,
    formatY: Chart["formatY"],
  ) =>
    drawn({
      title,
      x,
      formatX: compact,
      formatY,
      curves: curves.map((curve, index) => line(curve, index, value)),
    });
  return markup`<section><h2>Training</h2><div class="charts">${[
    figure(
      "Accuracy on validation images",
      (point) => point.valTop1,
      (share) => `${significant(share)} %`,
    ),
    figure("Training loss", (point) => point.trainLoss, significant),
  ]}</div><p class="axis">Horizontally: training images processed.</p></section>`;
}

function line(
  { name, points }: ArmCurve,
  index: number,
  value: (point: ArmCurvePoint) => number | undefined,
): Curve {
  return {
    name,
    kind: curveKinds[index % curveKinds.length]!,
    points: points.map((point) => ({
      x: point.imagesProcessed,
      y: value(point) ?? NaN,
      at: `${count(point.imagesProcessed)} images`,
    })),
  };
}

/** The figure, unless there is nothing in it. */
function drawn(figure: Chart): Markup | undefined {
  return figure.curves.some(({ points }) => points.some(({ y }) => Number.isFinite(y)))
    ? chart(figure)
    : undefined;
}

/** How the outcome changes with a setting: means over seeds, with bars of one standard deviation. */
export function sweeps({ sweeps: figures = [], arms }: SemiReportData): Markup | undefined {
  const drawable = figures.filter(({ lines }) => lines.some(({ points }) => points.length > 0));
  if (drawable.length === 0) return undefined;
  const baseline = spread(runsOf(arms, "supervised").map(({ top1 }) => top1)).mean;
  return markup`<section><h2>What the settings do</h2>
<p>Accuracy of the fine-tuned student. Dots are means over seeds, bars one standard deviation either way.</p>
<div class="charts">${drawable.map((figure) => sweepChart(figure, baseline))}</div></section>`;
}

function sweepChart({ title, lines }: SweepFigure, baseline: number): Markup {
  const values = [...new Set(lines.flatMap(({ points }) => points.map(({ value }) => value)))].sort(
    (a, b) => a - b,
  );
  const scale = scaleOver(values);
  return chart({
    title: scale.logarithmic ? `${title} (logarithmic)` : title,
    x: scale.axis,
    formatX: (x) => short(scale.valueAt(x)),
    formatY: (share) => `${significant(share)} %`,
    curves: [
      ...lines.map(({ name, points }, index): Curve => ({
        name,
        kind: curveKinds[index % curveKinds.length]!,
        marked: true,
        points: points.toSorted((a, b) => a.value - b.value).map((point) => pointOf(point, scale.at)),
      })),
      level(baseline, [scale.at(values[0]!), scale.at(values.at(-1)!)]),
    ],
  });
}

function pointOf({ value, top1 }: SweepPoint, at: (value: number) => number): ChartPoint {
  const reached = spread(top1);
  return {
    x: at(value),
    y: reached.mean,
    spread: reached.deviation,
    at: `${short(value)}: ${plusMinus(reached)} %`,
  };
}

/** The supervised baseline as a line across; nothing to draw where it is not known. */
function level(baseline: number, ends: readonly number[]): Curve {
  const at = "without unlabelled images";
  return {
    name: "supervised baseline",
    kind: "reference",
    points: ends.map((x) => ({ x, y: baseline, at })),
  };
}

interface Scale {
  readonly axis: Axis;
  readonly logarithmic: boolean;
  readonly at: (value: number) => number;
  readonly valueAt: (x: number) => number;
}

/** Least distance between two ticks, as a share of the axis. */
const room = 0.11;

/** Values that span more than a factor of ten stand at their logarithms; ticks are the values themselves. */
function scaleOver(values: readonly number[]): Scale {
  const [least, most] = [values[0]!, values.at(-1)!];
  const logarithmic = least > 0 && most / least > 10;
  const at = logarithmic ? Math.log10 : (value: number): number => value;
  const valueAt = logarithmic ? (x: number): number => 10 ** x : (x: number): number => x;
  const places = values.map(at);
  const [first, last] = [places[0]!, places.at(-1)!];
  if (first === last)
    return { axis: { ...axisOver([0, 2 * first]), ticks: [first] }, logarithmic, at, valueAt };
  const margin = (last - first) * 0.04;
  const ticks = places.reduce<readonly number[]>(
    (kept, place) =>
      kept.length > 0 && place - kept.at(-1)! < room * (last - first) ? kept : [...kept, place],
    [],
  );
  return { axis: { from: first - margin, to: last + margin, ticks }, logarithmic, at, valueAt };
}

const short = (value: number): string => (Math.abs(value) < 1000 ? significant(value) : compact(value));
