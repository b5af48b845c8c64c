const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;

/**
 * A horizontal bar of `columns` columns, drawn to an eighth of a column and filled up with spaces.
 *
 * A share that is not zero draws at least one eighth; NaN draws nothing.
 */
export function bar(share: number, columns: number): string {
  const clamped = Number.isNaN(share) ? 0 : Math.min(1, Math.max(0, share));
  const drawn = clamped === 0 ? 0 : Math.max(1, Math.round(clamped * columns * 8));
  const text = "█".repeat(Math.floor(drawn / 8)) + eighths[drawn % 8]!;
  return text + " ".repeat(columns - text.length);
}
