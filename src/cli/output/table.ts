import { eastAsianWidth } from "get-east-asian-width";

/** A column of a table. */
interface Column {
  readonly title: string;
  /** @default "left" */
  readonly align?: "left" | "right";
  /** Whether this column gives way when the terminal is too narrow. */
  readonly shrink?: boolean;
}

const gap = "  ";

/** Lines of an aligned table: titles, then rows; the shrinking column is cut so that all fits in `columns`. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number = Infinity,
): string[] {
  const natural = columns.map(({ title }, at) =>
    Math.max(textWidth(title), ...rows.map((row) => textWidth(row[at] ?? ""))),
  );
  const excess = natural.reduce((sum, value) => sum + value + gap.length, -gap.length) - width;
  const widths = natural.map((value, at) =>
    columns[at]!.shrink && excess > 0 ? Math.max(8, value - excess) : value,
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, at) => pad(truncate(cells[at] ?? "", widths[at]!), widths[at]!, column.align))
      .join(gap)
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}

/** Lines of "name  value" pairs, the values aligned and their further lines indented. */
export function definitions(pairs: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(...pairs.map(([name]) => textWidth(name)));
  return pairs.flatMap(([name, value]) =>
    value.split("\n").map((line, at) => `${pad(at === 0 ? name : "", width)}${gap}${line}`.trimEnd()),
  );
}

/** Pictures, and what asks to be shown as one: two columns each. */
const emoji = /\p{Emoji_Presentation}|\ufe0f/u;
const invisible = /^[\p{Mark}\p{Cf}]+$/u;
const ascii = /^[\x20-\x7e]*$/;

let segmenter: Intl.Segmenter | undefined;

/** The characters as a reader counts them. */
function graphemes(text: string): string[] {
  if (ascii.test(text)) return text.split("");
  segmenter ??= new Intl.Segmenter();
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

function graphemeWidth(grapheme: string): number {
  if (emoji.test(grapheme)) return 2;
  return invisible.test(grapheme) ? 0 : eastAsianWidth(grapheme.codePointAt(0)!);
}

/** Columns that a text takes in a terminal. */
export function textWidth(text: string): number {
  return ascii.test(text) ? text.length : graphemes(text).reduce((sum, part) => sum + graphemeWidth(part), 0);
}

/** Shortens a text to a number of columns; "…" stands for what is left out. */
export function truncate(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  if (columns < 1) return "";
  let kept = "";
  let width = 0;
  for (const part of graphemes(text)) {
    width += graphemeWidth(part);
    if (width > columns - 1) break;
    kept += part;
  }
  return `${kept}…`;
}

/** Shortens a path from its start, because its end tells files apart. */
export function truncateStart(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  if (columns < 1) return "";
  let kept = "";
  let width = 0;
  for (const part of graphemes(text).reverse()) {
    width += graphemeWidth(part);
    if (width > columns - 1) break;
    kept = part + kept;
  }
  return `…${kept}`;
}

/** Fills a text with spaces up to a number of columns. */
export function pad(text: string, columns: number, align: "left" | "right" = "left"): string {
  const space = " ".repeat(Math.max(0, columns - textWidth(text)));
  return align === "left" ? text + space : space + text;
}
