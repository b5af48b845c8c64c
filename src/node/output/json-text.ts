import type { ResultRow } from "./result-row.ts";

/** A row as JSON on one line; a Float32Array as an array of the shortest numbers that name the same floats. */
export function jsonText(row: ResultRow): string {
  return JSON.stringify(row, (_key, value: unknown) =>
    value instanceof Float32Array ? Array.from(value, shortestFloat) : value,
  );
}

/**
 * A decimal of six, eight or nine digits, as few as it takes, that names the same 32-bit float: 0.1 instead of
 * 0.10000000149011612. Arithmetic instead of toPrecision: an embedding has thousands of numbers.
 */
export function shortestFloat(value: number): number {
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  for (const digits of [6, 8, 9]) {
    // Up to 10^22 powers of ten are exact, and so the quotient is the double nearest to the decimal.
    const scale = 10 ** (digits - 1 - magnitude);
    const rounded = scale >= 1 && scale <= 1e22 ? Math.round(value * scale) / scale : value;
    if (Math.fround(rounded) === value) return rounded;
  }
  return value;
}
