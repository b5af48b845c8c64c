/** Thousands apart, as in 25,028,904. */
export function grouped(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

/** Three digits and a unit, as in 4.23 G. */
export function si(value: number): string {
  for (const [unit, factor] of [
    ["T", 1e12],
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ] as const) {
    if (value >= factor) return `${(value / factor).toPrecision(3)} ${unit}`;
  }
  return `${Number(value.toPrecision(3))} `;
}

/** Bytes in decimal units, as in 100.4 MB. */
export function bytes(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} GB`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} MB`;
  return value >= 1e3 ? `${(value / 1e3).toFixed(1)} kB` : `${value} B`;
}

/** A share of 1 as a percentage with two digits after the point, as in 87.31 %. */
export function percent(share: number): string {
  return Number.isNaN(share) ? "– %" : `${(100 * share).toFixed(2)} %`;
}

/** Minutes and seconds, as in 3:07; hours before them when there are any. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** A time that has passed: tenths of a second below a minute, then minutes and seconds. */
export function duration(seconds: number): string {
  return seconds < 60 ? `${seconds.toFixed(1)} s` : clock(seconds);
}

/** A number with its noun, as in "1 image" and "2 images". */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${grouped(count)} ${count === 1 ? noun : nouns}`;
}

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
