import type { Style } from "./style.ts";
import { printable, truncate, truncateStart } from "./text-width.ts";

/** A vector for reading: what it is, its length in the sense of geometry, and how it begins. */
export function vectorLines(
  image: string,
  what: string,
  values: Float32Array,
  { columns, style }: { readonly columns: number; readonly style: Style },
): string[] {
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const start = Array.from(values.subarray(0, 8), (value) => value.toFixed(4)).join(" ");
  const line = `  ${what}, norm ${norm.toFixed(3)}: ${start}${values.length > 8 ? " …" : ""}`;
  return [style.bold(truncateStart(printable(image), columns)), truncate(line, columns)];
}
