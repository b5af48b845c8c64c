import type { ResultRow } from "../../node/output/result-row.ts";
import type { Failure } from "../../predict/index.ts";
import { bar, percent } from "./numbers.ts";
import type { Style } from "./terminal.ts";
import { pad, printable, textWidth, truncate, truncateStart } from "./text-width.ts";

/** One line of an answer. */
interface RankedLabel {
  readonly label: string;
  /** Share of 1 that the bar shows. */
  readonly share: number;
  /** The number beside the bar. @default the share in percent */
  readonly figure?: string;
}

const widestLabel = 36;
const narrowestLabel = 12;
const widestBar = 32;
const narrowestBar = 8;
const indent = "  ";

interface PredictionLayout {
  readonly columns: number;
  readonly style: Style;
  /** Width of the widest label that may come, so that one image's lines stand under the other's. */
  readonly widest?: number;
}

/** The answer for one image: its name, then a line with label, bar and figure for each class. */
export function predictionLines(
  image: string,
  ranked: readonly RankedLabel[],
  { columns, style, widest = Math.max(...ranked.map(({ label }) => textWidth(label))) }: PredictionLayout,
): string[] {
  const labels = ranked.map(({ label }) => printable(label));
  const figures = ranked.map(({ share, figure }) => figure ?? percent(share));
  const figureColumns = Math.max(...figures.map(textWidth), "100.00 %".length);
  const room = columns - indent.length - figureColumns - 2;
  const labelColumns = Math.max(
    8,
    Math.min(Math.max(widest, narrowestLabel), widestLabel, room - narrowestBar - 2),
  );
  const barColumns = Math.min(widestBar, room - labelColumns - 2);
  const lines = ranked.map(({ share }, at) => {
    const label = pad(truncate(labels[at]!, labelColumns), labelColumns);
    const figure = pad(figures[at]!, figureColumns, "right");
    // Where even a short bar finds no place, label and figure still do.
    const drawn = barColumns >= 4 ? `  ${style.accent(bar(share, barColumns))}` : "";
    return `${indent}${at === 0 ? style.bold(label) : label}${drawn}  ${at === 0 ? style.bold(figure) : figure}`;
  });
  return [style.bold(truncateStart(printable(image), columns)), ...lines];
}

/** The line for an image that failed. */
export function failureLines(
  image: string,
  message: string,
  { columns, style }: { readonly columns: number; readonly style: Style },
): string[] {
  return [
    style.bold(truncateStart(printable(image), columns)),
    `${indent}${style.failure("failed")}  ${printable(message)}`,
  ];
}

/** An image that failed, as JSON. */
export function failureEntry({ image, error }: Failure): ResultRow {
  return { image, error: { code: error.code, message: error.message } };
}

/** An image that failed, as a row of a table. */
export function failureRow({ image, error }: Failure): ResultRow {
  return { image, error: `${error.code}: ${error.message}` };
}
