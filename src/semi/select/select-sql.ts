import { bandMasks } from "./hash-distance.ts";
import type { Bound } from "./selection-options.ts";
import { scoreBins, type Ranking } from "./selection.ts";

/** The view `scores`: all rows of all score files, with the index of their file. */
export const scoresView = (files: readonly string[]): string => `
  CREATE TEMP VIEW scores AS
  SELECT file_index::INTEGER AS shard, position, image_id, class, score, rank, phash
  FROM ${sqlFiles(files)}`;

/** The view `candidates`: the rows of `scores` that may be ranked, those without a finite score among them. */
export function candidatesView(ranking: Ranking, withoutDuplicates: boolean): string {
  return `
  CREATE TEMP VIEW candidates AS
  SELECT shard, position, image_id, class, score, rank, phash
  FROM scores${withoutDuplicates ? " ANTI JOIN duplicates USING (shard, position)" : ""}
  ${ranking === "balanced" ? "" : "WHERE rank = 1"}`;
}

/**
 * The table `duplicates`: unlabelled images whose hash differs from that of a reference in at most `distance` bits;
 * for each image and set the nearest reference, the first by name among equals.
 *
 * Hashes are compared before images, so that images that look the same count once.
 */
export function duplicateTables(references: string, distance: number): readonly string[] {
  const bands = bandMasks(distance + 1)
    .map((mask, band) => `(${band}, ${mask}::BIGINT)`)
    .join(", ");
  const banded = (table: string): string =>
    `SELECT phash, band, phash & mask AS bits FROM (SELECT DISTINCT phash FROM ${table}), bands`;
  return [
    `CREATE TEMP VIEW refs AS SELECT image_id, phash, "set" FROM ${sqlFiles([references])}`,
    `CREATE TEMP TABLE near_hashes AS
    WITH bands(band, mask) AS (VALUES ${bands}),
      unlabelled AS (SELECT phash, band, phash & mask AS bits FROM scores, bands WHERE rank = 1),
      reference AS (${banded("refs")})
    SELECT DISTINCT unlabelled.phash, reference.phash AS reference_phash,
      bit_count(xor(unlabelled.phash, reference.phash)) AS distance
    FROM unlabelled JOIN reference USING (band, bits)
    WHERE bit_count(xor(unlabelled.phash, reference.phash)) <= ${distance}`,
    `CREATE TEMP TABLE duplicates AS
    WITH nearest AS (
      SELECT near_hashes.phash, "set", min(distance) AS distance,
        arg_min(image_id, (distance, image_id)) AS reference_id
      FROM near_hashes JOIN refs ON refs.phash = reference_phash
      GROUP BY near_hashes.phash, "set")
    SELECT shard, position, image_id, "set", reference_id, distance
    FROM scores JOIN nearest USING (phash) WHERE rank = 1`,
  ];
}

/** Counts of duplicate images: in all, and by set. */
export const duplicateCounts: string = `
  SELECT count(DISTINCT (shard, position))::DOUBLE AS images,
    (count(*) FILTER ("set" = 'labelled'))::DOUBLE AS labelled,
    (count(*) FILTER ("set" = 'validation'))::DOUBLE AS validation,
    (count(*) FILTER ("set" = 'test'))::DOUBLE AS test
  FROM duplicates`;

/** Counts test images with the hash of a labelled one. */
export const labelledTestCount: string = `
  SELECT count(*)::DOUBLE AS images FROM refs
  WHERE "set" = 'test' AND phash IN (SELECT phash FROM refs WHERE "set" = 'labelled')`;

/** The nearest pairs. */
export const duplicateExamples = (count: number): string => `
  SELECT image_id, reference_id, "set", distance FROM duplicates
  ORDER BY distance, image_id, "set", shard, position LIMIT ${count}`;

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

// Unique, so that neither threads nor the order of rows decide anything.
const order = "score DESC, image_id, shard, position";
const classRank = `row_number() OVER (PARTITION BY class ORDER BY ${order})::INTEGER AS class_rank`;
const columns = "shard, position, image_id, class, class_rank, score";

/** Puts the bounds of a larger selection in the place of those of some classes, whose best rows are copies. */
export const lowerBounds = (
  bound: Exclude<Bound, { readonly ranking: "threshold" }>,
  classes: string,
): string => `
  CREATE OR REPLACE TEMP TABLE bounds AS
  SELECT class, lowest FROM bounds WHERE class NOT IN (${classes})
  UNION ALL SELECT class, lowest FROM (${boundsQuery(bound)}) WHERE class IN (${classes})`;

/** The table `copies`: candidates that look like a better one of their class, and so are not ranked. */
export const copiesTable: string =
  "CREATE TEMP TABLE copies (class INTEGER, shard INTEGER, position INTEGER)";

/** Adds rows to `copies`, given as class, shard and position one after the other. */
export const insertCopies = (values: Int32Array): string => `
  INSERT INTO copies SELECT v[3 * i + 1], v[3 * i + 2], v[3 * i + 3]
  FROM (SELECT [${values.join(", ")}] AS v, unnest(range(${values.length / 3})) AS i)`;

/** The candidates above the bounds in the order in which they compete for places. @param classes SQL that gives those wanted */
export const competingRows = (ranking: Ranking, classes: string): string => `
  SELECT class, shard, position, phash FROM candidates JOIN bounds USING (class)
  WHERE isfinite(score) AND score >= lowest AND class IN (${classes})
  ORDER BY ${ranking === "unbalanced" ? "" : "class, "}${order}`;

/** The rows of a selection, sorted: what is left of `candidates` after ranking those above `bounds`. */
export function selectedRows(bound: Bound, withoutCopies: boolean): string {
  const contenders = `
    SELECT shard, position, image_id, class, score FROM candidates JOIN bounds USING (class)
    ${withoutCopies ? "ANTI JOIN copies USING (class, shard, position)" : ""}
    WHERE isfinite(score) AND score >= lowest`;
  const best =
    bound.ranking === "unbalanced"
      ? `(${contenders} ORDER BY ${order} LIMIT ${bound.rows})`
      : `(${contenders})`;
  const ranked = `SELECT shard, position, image_id, class, ${classRank}, score FROM ${best}`;
  const kept = bound.ranking === "balanced" ? `WHERE class_rank <= ${bound.rows}` : "";
  return `SELECT ${columns} FROM (${ranked}) ${kept} ORDER BY shard, position, class`;
}

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

/** A text in SQL. */
export const sqlText = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/** Parquet files as a table of DuckDB, in their order; no part of a path is taken for a pattern or a column. */
export function sqlFiles(paths: readonly string[]): string {
  const files = paths.map((path) => sqlText(path.replaceAll(/[*?[]/g, "[$&]")));
  return `read_parquet([${files.join(", ")}], hive_partitioning = false)`;
}
