import { sqlFiles } from "./literals.ts";

/**
 * The table `duplicates`: unlabelled images whose hash differs from that of a reference in at most `distance` bits;
 * for each image and set the nearest reference, the first by name among equals.
 *
 * Two hashes that differ in d bits agree in at least one of d + 1 bands of their bits: only such pairs are compared.
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

/** Splits 64 bits into bands as equal as can be; as signed numbers, for DuckDB has no unsigned shift of those. */
function bandMasks(count: number): readonly bigint[] {
  return Array.from({ length: count }, (_, band) => {
    const from = BigInt(Math.round((64 * band) / count));
    const to = BigInt(Math.round((64 * (band + 1)) / count));
    return BigInt.asIntN(64, (1n << to) - (1n << from));
  });
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
