import { percent } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";

/** A cell with a share in percent, and a bar of its length; NaN is a dash and sorts below all. */
export function shareCell(value: number): Markup {
  return markup`<td class="number bar" data-value="${Number.isNaN(value) ? -1 : value}" style="--share:${(value || 0).toFixed(1)}%">${percent(value)}</td>`;
}
