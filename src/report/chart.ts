import { jsonBlock, markup, type Markup } from "./elements.ts";

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
  /** Range of the vertical axis. @default round ticks around the values */
  readonly y?: Axis | undefined;
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
export function chart({ title, curves, x, y: given, formatX, formatY, fromZero = false }: Chart): Markup {
  const shown = curves
    .map((curve) => ({ ...curve, points: curve.points.filter((point) => Number.isFinite(point.y)) }))
    .filter(({ points }) => points.length > 0)
    .map((curve) => ({ ...curve, points: thin(curve.points, drawn) }));
  const values = shown.flatMap(({ points }) =>
    points.flatMap(({ y, spread = 0 }) => (spread > 0 ? [y - spread, y + spread] : [y])),
  );
  const y = given ?? axisOver(fromZero ? [0, ...values] : values);
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

/** A range of values, and round ones within it. */
export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
}

/** An axis that holds all finite values, from round tick to round tick; from 0 where they come near it. */
export function axisOver(values: Iterable<number>, about = 4): Axis {
  let least = Infinity;
  let most = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  if (least > 0 && least < most * 0.4) least = 0;
  const size = Math.max(Math.abs(least), Math.abs(most));
  // Nothing to see, or nothing that numbers could tell apart.
  if (!(size > 1e-100 && Number.isFinite(size))) [least, most] = [0, 1];
  else if (most - least < 1e-9 * size) [least, most] = [Math.min(0, least), Math.max(0, most)];
  const step = roundStep((most - least) / about);
  const from = Math.floor(least / step + 1e-9);
  const to = Math.ceil(most / step - 1e-9);
  return {
    from: from * step,
    to: to * step,
    ticks: Array.from({ length: to - from + 1 }, (_, index) => (from + index) * step),
  };
}

/** The least of 1, 2, 2.5 and 5 times a power of ten that is not below the wanted step. */
function roundStep(wanted: number): number {
  const power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 2.5, 5].map((digit) => digit * power).find((step) => step >= wanted * 0.999) ?? 10 * power;
}

/** A point of a curve. */
interface Point {
  readonly x: number;
  readonly y: number;
}

/** At most `limit` points with the same outline: the least and the greatest of each stretch are kept. */
export function thin<P extends Point>(points: readonly P[], limit: number): readonly P[] {
  if (points.length <= limit) return points;
  const stretch = Math.ceil((2 * points.length) / limit);
  const kept: P[] = [];
  for (let start = 0; start < points.length; start += stretch) {
    const part = points.slice(start, start + stretch);
    const least = part.reduce((a, b) => (b.y < a.y ? b : a));
    const most = part.reduce((a, b) => (b.y > a.y ? b : a));
    kept.push(...(least.x === most.x ? [least] : [least, most].sort((a, b) => a.x - b.x)));
  }
  return kept;
}
