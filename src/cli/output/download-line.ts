import { bar } from "./bar.ts";
import { bytes, clock } from "./numbers.ts";
import { truncate } from "./text-width.ts";

/** A download on one line: bar, bytes, rate, ETA. */
export function downloadLine(
  {
    received,
    total,
    rate,
  }: { readonly received: number; readonly total: number | undefined; readonly rate: number },
  columns: number,
): string {
  const parts = [
    total === undefined ? bytes(received) : `${bytes(received)} of ${bytes(total)}`,
    `${bytes(rate)}/s`,
  ];
  if (total !== undefined && rate > 0) parts.push(`ETA ${clock((total - received) / rate)}`);
  const text = parts.join(" · ");
  const drawn = total === undefined || columns < 70 ? text : `${bar(received / total, 20)} ${text}`;
  return truncate(drawn, columns - 1);
}
