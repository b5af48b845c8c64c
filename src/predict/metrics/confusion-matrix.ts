/** How often each class was taken for each other: rows are right classes, columns predicted ones. */
export interface ConfusionMatrix {
  readonly numClasses: number;
  /** Counts, row-major. */
  readonly counts: Uint32Array<ArrayBuffer>;
}

/** A matrix of zeros. */
export function confusionMatrix(numClasses: number): ConfusionMatrix {
  return { numClasses, counts: new Uint32Array(numClasses * numClasses) };
}

/** Counts one image, in place. */
export function countPrediction(matrix: ConfusionMatrix, target: number, predicted: number): void {
  matrix.counts[target * matrix.numClasses + predicted]! += 1;
}

/** Two classes that were confused. */
export interface Confusion {
  readonly target: number;
  readonly predicted: number;
  readonly count: number;
}

/** The `limit` most frequent confusions, most frequent first; ties in row order. */
export function worstConfusions(matrix: ConfusionMatrix, limit: number): Confusion[] {
  const confusions: Confusion[] = [];
  matrix.counts.forEach((count, cell) => {
    const target = Math.floor(cell / matrix.numClasses);
    const predicted = cell % matrix.numClasses;
    if (count > 0 && target !== predicted) confusions.push({ target, predicted, count });
  });
  return confusions.sort((a, b) => b.count - a.count).slice(0, limit);
}
