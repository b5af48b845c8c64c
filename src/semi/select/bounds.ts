/** Which scores may be ranked high enough. */
export type Bound =
  | { readonly ranking: "balanced" | "unbalanced"; readonly rows: number }
  | { readonly ranking: "threshold"; readonly score: number };

// Of the odds of the score, which spread out both small scores and those near 1: a bucket spans 6 % of them. What
// scores a damaged file may hold must not stop the query. abs: the logarithm of a negative number is an error.
const bucket =
  "(16 * ln(abs(score::DOUBLE / (1.0000001::DOUBLE - score::DOUBLE)) + 1e-30::DOUBLE))::SMALLINT";

/** The table `histogram`: the candidates of each class by score, those without a finite score in the bucket NULL. */
export const histogramTable: string = `
  CREATE TEMP TABLE histogram AS
  SELECT class, CASE WHEN isfinite(score) THEN ${bucket} END AS bucket, count(*) AS rows, min(score) AS lowest
  FROM candidates GROUP BY ALL`;

/**
 * The table `bounds`: for each class a score that all rows to be selected reach, and few others.
 *
 * Buckets are taken from the top until they hold enough rows, and the bound is the lowest score in them. So at least
 * that many rows reach it, whatever rounding does to the buckets.
 */
export function boundsTable(bound: Bound): string {
  return `CREATE TEMP TABLE bounds AS ${boundsQuery(bound)}`;
}

function boundsQuery(bound: Bound): string {
  if (bound.ranking === "threshold") {
    return `SELECT DISTINCT class, ${bound.score}::FLOAT AS lowest FROM histogram`;
  }
  if (bound.ranking === "unbalanced") {
    return `
    SELECT class, lowest FROM (SELECT DISTINCT class FROM histogram), (
      SELECT min(lowest) AS lowest FROM (
        SELECT min(lowest) AS lowest, sum(sum(rows)) OVER (ORDER BY bucket DESC) - sum(rows) AS above
        FROM histogram WHERE bucket IS NOT NULL GROUP BY bucket)
      WHERE above < ${bound.rows})`;
  }
  return `
    SELECT class, min(lowest) AS lowest FROM (
      SELECT class, lowest, sum(rows) OVER (PARTITION BY class ORDER BY bucket DESC) - rows AS above
      FROM histogram WHERE bucket IS NOT NULL)
    WHERE above < ${bound.rows} GROUP BY class`;
}
