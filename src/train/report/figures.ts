const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** Thousands apart, as in 25,028,904. */
export const count = (value: number): string => whole.format(value);

/** A count in little room, as in 1.2M. */
export const compact = (value: number): string => short.format(value);

/** Percent with one digit after the point, as in 87.3 %; a dash for what was never counted. */
export const percent = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(1)} %` : "–");

/** Three digits that matter, as in 0.0015 and 2.3. */
export const significant = (value: number): string =>
  Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "–";

/** Decimal gigabytes, as in 1.85 GB. */
export const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
