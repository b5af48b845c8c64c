import { count, markup, type Markup } from "../../train/report/index.ts";
import type { ClassSelection } from "./data.ts";

/**
 * Candidates of a class by score, from 0 to 1, those at or above the last selected score in full colour. Heights are
 * square roots, so that the few sure ones show beside the many that are not.
 */
export function histogram({ histogram: bins, lowest = Infinity }: ClassSelection): Markup | undefined {
  if (!bins) return undefined;
  const most = Math.max(1, ...bins);
  const bars = (taken: boolean): string =>
    bins
      .map((images, bin) => {
        const isTaken = (bin + 1) / bins.length > lowest;
        if (images === 0 || isTaken !== taken) return "";
        return `M${5 * bin + 0.5} 32v${-(1 + Math.round(300 * Math.sqrt(images / most)) / 10)}h4v32z`;
      })
      .join("");
  const total = bins.reduce((sum, images) => sum + images, 0);
  return markup`<svg class="histogram" viewBox="0 0 ${5 * bins.length} 33" preserveAspectRatio="none" role="img" aria-label="Scores of ${count(total)} candidates"><path class="left" d="${bars(false)}"/><path class="taken" d="${bars(true)}"/><path class="base" d="M0 32.5h${5 * bins.length}"/></svg>`;
}
