/** Classes whose strips stand open, and those in all; more would make the page heavy and nobody look. */
export const openStrips = 20;
const mostStrips = 60;

/**
 * Ranks that a strip shows: 1, K/4, K/2 and K, as in the paper's Figure 2, as far as images were selected.
 *
 * @param k K of a balanced selection. @default the number selected
 */
export function stripRanks(selected: number, k: number = selected): readonly number[] {
  const ranks = [1, Math.round(k / 4), Math.round(k / 2), k];
  return selected > 0 ? [...new Set(ranks.map((rank) => Math.min(Math.max(1, rank), selected)))] : [];
}

/** Indices of the classes that get a strip: all of up to 60, else 60 spread evenly. */
export function stripClasses(classes: number): readonly number[] {
  const shown = Math.min(classes, mostStrips);
  return Array.from({ length: shown }, (_, index) => Math.floor((index * classes) / shown));
}
