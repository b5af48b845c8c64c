import { stringify } from "csv-stringify/sync";
import { UsageError } from "../../core/index.ts";
import { writeFileAtomic } from "../../node/write-file.ts";
import type { ConfusionMatrix } from "../../predict/index.ts";
import { confusionPage } from "../../train/index.ts";

/**
 * Writes a confusion matrix: `.csv` with a row per right class and a column per predicted one, or `.html`.
 *
 * @throws UsageError `usage/confusion-file` for another ending.
 */
export async function writeConfusion(
  path: string,
  matrix: ConfusionMatrix,
  classes: readonly string[],
): Promise<void> {
  checkConfusionPath(path);
  const pieces = path.endsWith(".csv") ? csvRows(matrix, classes) : [confusionPage(matrix, classes)];
  await writeFileAtomic(
    path,
    pieces.map((piece) => new TextEncoder().encode(piece)),
  );
}

/** Refuses a file that could not be written at the end of a long run. */
export function checkConfusionPath(path: string): void {
  if (/\.(csv|html)$/.test(path)) return;
  throw new UsageError("usage/confusion-file", `--confusion ${path}: expected a name in .csv or .html.`);
}

function csvRows({ numClasses, counts }: ConfusionMatrix, classes: readonly string[]): string[] {
  const rows = classes.map((name, target) =>
    stringify([[name, ...counts.subarray(target * numClasses, (target + 1) * numClasses)]]),
  );
  return [stringify([["right class", ...classes]]), ...rows];
}
