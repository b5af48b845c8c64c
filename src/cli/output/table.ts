import { pad, textWidth, truncate } from "./text-width.ts";

/** A column of a table. */
export interface Column {
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
