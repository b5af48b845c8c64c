import { sqlFiles } from "./literals.ts";

/** Bins of the histogram of best scores. */
export const scoreBins = 20;

/** Candidates by class; the row without a finite score has `finite` false. */
export const candidateCounts: string = `
  SELECT class, bucket IS NOT NULL AS finite, sum(rows)::DOUBLE AS rows FROM histogram GROUP BY ALL`;

/** Images by their best class and its score, those that duplicate another left out. */
export const bestScoreCounts: string = `
  SELECT class, greatest(0, least(${scoreBins - 1}, floor(score::DOUBLE * ${scoreBins})))::INTEGER AS bin,
    count(*)::DOUBLE AS images
  FROM candidates WHERE rank = 1 AND isfinite(score) GROUP BY ALL`;

/** What was selected of each class. */
export const selectedCounts = (selection: string): string => `
  SELECT class, count(*)::DOUBLE AS rows, max(score) AS highest, min(score) AS lowest
  FROM ${sqlFiles([selection])} GROUP BY class`;

/** Distinct images of a selection: the rows of an image are neighbours, so no table of images is needed. */
export const selectedImages = (selection: string): string => `
  SELECT (count(*) FILTER (changed))::DOUBLE AS images FROM (
    SELECT (shard, position) IS DISTINCT FROM lag((shard, position)) OVER () AS changed
    FROM ${sqlFiles([selection])})`;
