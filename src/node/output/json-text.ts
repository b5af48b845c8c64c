import type { ResultRow } from "./result-row.ts";

/** A row as JSON on one line; a Float32Array as an array of the shortest numbers that name the same floats. */
export function jsonText(row: ResultRow): string {
  return JSON.stringify(row, (_key, value: unknown) =>
    value instanceof Float32Array ? Array.from(value, shortestFloat) : value,
  );
}

/** The shortest decimal that names the same 32-bit float: 0.1 instead of 0.10000000149011612. */
export function shortestFloat(value: number): number {
  for (const digits of [6, 7, 8]) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return rounded;
  }
  // Nine digits tell any two floats apart.
  return Number.isFinite(value) ? Number(value.toPrecision(9)) : value;
}
