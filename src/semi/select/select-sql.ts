import type { RowSources } from "../score/pruned-scores.ts";
import { bandMasks } from "./hash-distance.ts";
import { scoreBins, type Bound, type Ranking } from "./selection.ts";

/** The view `scores`: all rows of all score files, with the index of their file. */
export const scoresView = (files: readonly string[]): string => `
  CREATE TEMP VIEW scores AS
  SELECT file_index::INTEGER AS shard, position, image_id, class, score, rank, phash
  FROM ${sqlFiles(files)}`;

/**
 * The view `candidates`: the rows with a finite score that may be ranked, from where those are read that reach the bounds; `places`
 * says which shard the rows of a table are of.
 *
 * @param files All score files.
 */
export function candidatesView(
  files: readonly string[],
  { pruned, others }: RowSources,
  ranking: Ranking,
  withoutDuplicates: boolean,
): readonly string[] {
  const columns = "position, image_id, class, score, rank, phash";
  const places = [
    ...pruned.flatMap(({ shards }, source) =>
      shards.flatMap((shard, part) => (shard === undefined ? [] : [[source, part, shard]])),
    ),
    ...others.map((shard, index) => [pruned.length + index, 0, shard]),
  ];
  const tables = [
    ...(pruned.length === 0
      ? []
      : [
          `SELECT file_index::INTEGER AS source, shard AS part, ${columns} FROM ${sqlFiles(pruned.map(({ path }) => path))}`,
        ]),
    ...(others.length === 0
      ? []
      : [
          `SELECT file_index::INTEGER + ${pruned.length} AS source, 0 AS part, ${columns} FROM ${sqlFiles(others.map((index) => files[index]!))}`,
        ]),
  ];
  const list = (column: number): string =>
    `unnest([${places.map((place) => place[column]).join(", ")}]::INTEGER[])`;
  return [
    `CREATE OR REPLACE TEMP TABLE places AS SELECT ${list(0)} AS source, ${list(1)} AS part, ${list(2)} AS shard`,
    `CREATE OR REPLACE TEMP VIEW candidates AS
    SELECT shard, ${columns} FROM (${tables.join(" UNION ALL ")}) JOIN places USING (source, part)
    ${withoutDuplicates ? "ANTI JOIN duplicates USING (shard, position)" : ""}
    WHERE isfinite(score)${ranking === "balanced" ? "" : " AND rank = 1"}`,
  ];
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

// Of the odds of the score, so that the rows of a group differ little. What scores a damaged file may hold must not stop the query.
// abs: the logarithm of a negative number is an error.
const group = "(16 * ln(abs(score::DOUBLE / (1.0000001::DOUBLE - score::DOUBLE)) + 1e-30::DOUBLE))::SMALLINT";
const bin = `greatest(0, least(${scoreBins - 1}, floor(score::DOUBLE * ${scoreBins})))::INTEGER`;

/**
 * Counts scores of a table in groups, as arrays of the class, whether it is the best one of its images, a score that counts for
 * all of the group, and rows. The scores of a group are of one bin.
 *
 * @param by The lowest of a group for rows that there are, the highest for rows to take away: so no bound comes out too high.
 */
export const countedScores = (scores: string, by: "min" | "max" = "min"): string => `
  SELECT class, best, ${by}(score) AS score, count(*)::DOUBLE AS rows
  FROM (SELECT class, rank = 1 AS best, score, isfinite(score) AS finite, CASE WHEN isfinite(score) THEN ${group} END AS part,
    CASE WHEN isfinite(score) THEN ${bin} END AS bin FROM ${scores})
  GROUP BY class, best, finite, part, bin`;

/** The rows of all score files that belong to a duplicate image. */
export const duplicateScores = "(FROM scores SEMI JOIN duplicates USING (shard, position))";

/** A table of bounds: `bounds` has for each class a score that all rows to be selected reach, and few others. */
export const boundsTable = (bounds: readonly number[], name = "bounds"): string => `
  CREATE OR REPLACE TEMP TABLE ${name} AS SELECT unnest(range(${bounds.length}))::INTEGER AS class,
    unnest([${bounds.map((lowest) => `'${lowest}'`).join(", ")}]::FLOAT[]) AS lowest`;

/** The rows of score files that reach the bounds of the table `kept_bounds`. */
export const prunedRows = (files: readonly string[], ranking: Ranking): string => `
  SELECT file_index::INTEGER AS shard, image_id, position, class, score, rank, phash
  FROM ${sqlFiles(files)} JOIN kept_bounds USING (class)
  WHERE isfinite(score) AND score >= lowest${ranking === "balanced" ? "" : " AND rank = 1"}`;

// Unique, so that neither threads nor the order of rows decide anything.
const order = "score DESC, image_id, shard, position";
const classRank = `row_number() OVER (PARTITION BY class ORDER BY ${order})::INTEGER AS class_rank`;
const columns = "shard, position, image_id, class, class_rank, score";

/** The table `copies`: candidates that look like a better one of their class, and so are not ranked. */
export const copiesTable: string =
  "CREATE OR REPLACE TEMP TABLE copies (class INTEGER, shard INTEGER, position INTEGER)";

/** Adds rows to `copies`, given as class, shard and position one after the other. */
export const insertCopies = (values: Int32Array): string => `
  INSERT INTO copies SELECT v[3 * i + 1], v[3 * i + 2], v[3 * i + 3]
  FROM (SELECT [${values.join(", ")}] AS v, unnest(range(${values.length / 3})) AS i)`;

/** The candidates above the bounds in the order in which they compete for places. @param classes SQL that gives those wanted */
export const competingRows = (ranking: Ranking, classes: string): string => `
  SELECT class, shard, position, phash FROM candidates JOIN bounds USING (class)
  WHERE score >= lowest AND class IN (${classes})
  ORDER BY ${ranking === "unbalanced" ? "" : "class, "}${order}`;

/** The rows of a selection, sorted: what is left of `candidates` after ranking those above `bounds`. */
export function selectedRows(bound: Bound, withoutCopies: boolean): string {
  const contenders = `
    SELECT shard, position, image_id, class, score FROM candidates JOIN bounds USING (class)
    ${withoutCopies ? "ANTI JOIN copies USING (class, shard, position)" : ""}
    WHERE score >= lowest`;
  const best =
    bound.ranking === "unbalanced"
      ? `(${contenders} ORDER BY ${order} LIMIT ${bound.rows})`
      : `(${contenders})`;
  const ranked = `SELECT shard, position, image_id, class, ${classRank}, score FROM ${best}`;
  const kept = bound.ranking === "balanced" ? `WHERE class_rank <= ${bound.rows}` : "";
  return `SELECT ${columns} FROM (${ranked}) ${kept} ORDER BY shard, position, class`;
}

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
