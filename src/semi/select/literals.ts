/** A text in SQL. */
export const sqlText = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/** Parquet files as a table of DuckDB, in their order; no part of a path is taken for a pattern or a column. */
export function sqlFiles(paths: readonly string[]): string {
  const files = paths.map((path) => sqlText(path.replaceAll(/[*?[]/g, "[$&]")));
  return `read_parquet([${files.join(", ")}], hive_partitioning = false)`;
}
