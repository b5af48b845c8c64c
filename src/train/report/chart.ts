import { jsonBlock, markup, type Markup } from "./markup.ts";
import { thin, type Point } from "./thin.ts";
import { axisOver, type Axis } from "./ticks.ts";

/** A point of a curve and what the read-out says of its place. */
export interface ChartPoint extends Point {
  readonly at: string;
  /** Half the length of an error bar. */
  readonly spread?: number | undefined;
}

export interface Curve {
  readonly name: string;
  /** Each kind has its colour and its dashes; `fine` is drawn thin beneath the others, `reference` is a level. */
  readonly kind: "training" | "validation" | "second" | "third" | "fine" | "reference";
  /** By rising x; what is not finite is left out. */
  readonly points: readonly ChartPoint[];
  /** Marks each point, where there are few. @default false */
  readonly marked?: boolean | undefined;
}

export interface Chart {
  readonly title: string;
  readonly curves: readonly Curve[];
  /** Range of the horizontal axis. */
  readonly x: Axis;
  readonly formatX: (x: number) => string;
  readonly formatY: (y: number) => string;
  /** Shows the axis from 0, whatever the values are. @default false */
  readonly fromZero?: boolean;
}

/** Points that a curve may have in the file. */
const drawn = 600;

/**
 * A figure with curves, their axes and a read-out that follows the pointer.
 *
 * The lines are an SVG that stretches with the figure and the labels are HTML over it, so that text keeps its size
 * on every screen and on paper.
 */
export function chart({ title, curves, x, formatX, formatY, fromZero = false }: Chart): Markup {
  const shown = curves
    .map((curve) => ({ ...curve, points: curve.points.filter((point) => Number.isFinite(point.y)) }))
    .filter(({ points }) => points.length > 0)
    .map((curve) => ({ ...curve, points: thin(curve.points, drawn) }));
  const values = shown.flatMap(({ points }) =>
    points.flatMap(({ y, spread = 0 }) => (spread > 0 ? [y - spread, y + spread] : [y])),
  );
  const y = axisOver(fromZero ? [0, ...values] : values);
  const left: Place = (value) => place(value, x);
  const bottom: Place = (value) => place(value, y);
  return markup`<figure class="chart">
<figcaption><h3>${title}</h3><span class="at">${lastPlace(shown)}</span></figcaption>
<ul class="legend">${shown.map(
    ({ name, kind, points }) => markup`<li class="${kind}">${name} <b>${formatY(points.at(-1)!.y)}</b></li>`,
  )}</ul>
<div class="plot" tabindex="0" role="img" aria-label="${title}: ${shown.map(({ name }) => name).join(", ")}">
<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
${y.ticks.map((tick) => markup`<path class="grid" d="M0 ${100 - bottom(tick)}h100"/>`)}
${shown.map(({ kind, points, marked }) => [
  markup`<path class="${kind}" d="${path(points, left, bottom)}"/>`,
  marked && points.length > 1 ? markup`<path class="${kind}" d="${dots(points, left, bottom)}"/>` : undefined,
  points.map((point) => errorBar(point, kind, left, bottom)),
])}
</svg>
${y.ticks.map((tick) => markup`<span class="y" style="bottom:${bottom(tick)}%">${formatY(tick)}</span>`)}
${x.ticks.map((tick) => markup`<span class="x" style="left:${left(tick)}%">${formatX(tick)}</span>`)}
<i class="cross" hidden></i>
</div>
${jsonBlock(
  shown.map(({ points }) =>
    points.map((point) => [left(point.x), bottom(point.y), point.at, formatY(point.y)]),
  ),
)}
</figure>`;
}

/** Per cent of an axis, to the hundredth. */
function place(value: number, { from, to }: Axis): number {
  return Math.round((1e4 * (value - from)) / (to - from)) / 100;
}

/** Where the last of all points lies. */
function lastPlace(curves: readonly Curve[]): string {
  const ends = curves.flatMap(({ points }) => points.slice(-1));
  return ends.reduce<ChartPoint | undefined>((a, b) => (a && a.x >= b.x ? a : b), undefined)?.at ?? "";
}

type Place = (value: number) => number;

/** A line through the points; a single one becomes a dot. */
function path(points: readonly Point[], left: Place, bottom: Place): string {
  if (points.length === 1) return dots(points, left, bottom);
  return `M${points.map(({ x, y }) => `${left(x)} ${top(y, bottom)}`).join("L")}`;
}

/** Lines without length, which round caps show as dots. */
function dots(points: readonly Point[], left: Place, bottom: Place): string {
  return points.map(({ x, y }) => `M${left(x)} ${top(y, bottom)}h0`).join("");
}

function errorBar(
  { x, y, spread = 0 }: ChartPoint,
  kind: Curve["kind"],
  left: Place,
  bottom: Place,
): Markup | undefined {
  if (!(spread > 0)) return undefined;
  return markup`<path class="${kind} spread" d="M${left(x)} ${top(y - spread, bottom)}V${top(y + spread, bottom)}"/>`;
}

const top = (y: number, bottom: Place): number => Math.round(1e4 - 100 * bottom(y)) / 100;
