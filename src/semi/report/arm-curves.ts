import { axisOver, chart, compact, count, markup, significant } from "../../train/report/index.ts";
import type { Chart, Curve, Markup } from "../../train/report/index.ts";
import type { ArmCurve, ArmCurvePoint } from "./data.ts";

/** Looks of the curves, in their order; a page that has more starts again. */
export const curveKinds = ["training", "validation", "second", "third"] as const;

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
