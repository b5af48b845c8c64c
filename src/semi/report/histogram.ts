import { count, markup, type Markup } from "../../train/report/index.ts";
import type { SelectedClass } from "./data.ts";

/**
 * Images that the teacher takes for a class by score, from 0 to 1; bars that reach the last selected score are strong.
 * Heights are square roots, so that the few show beside the many.
 */
export function histogram({ bestScores: bins, lowest }: SelectedClass): Markup {
  const most = Math.max(1, ...bins);
  const total = bins.reduce((sum, images) => sum + images, 0);
  const bars = (taken: boolean): string =>
    bins
      .map((images, bin) => {
        const isTaken = lowest !== null && (bin + 1) / bins.length > lowest;
        if (images === 0 || isTaken !== taken) return "";
        const height = 1 + Math.round(300 * Math.sqrt(images / most)) / 10;
        return `M${5 * bin + 0.5} 32v${-height}h4v${height}z`;
      })
      .join("");
  return markup`<svg class="histogram" viewBox="0 0 ${5 * bins.length} 33" preserveAspectRatio="none" role="img" aria-label="Scores of ${count(total)} images"><path class="left" d="${bars(false)}"/><path class="taken" d="${bars(true)}"/><path class="base" d="M0 32.5h${5 * bins.length}"/></svg>`;
}
