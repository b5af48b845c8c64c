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

/** How well one class is recognised; shares in percent. */
export interface ClassReport {
  readonly index: number;
  /** Images of the class. */
  readonly support: number;
  /** Images taken for the class. */
  readonly predicted: number;
  /** Share of the class's images that were recognised: its accuracy; NaN without images. */
  readonly recall: number;
  /** Share of the images taken for the class that are of it; NaN when none was taken for it. */
  readonly precision: number;
  /** Harmonic mean of precision and recall: 2·hits / (support + predicted). */
  readonly f1: number;
}

/** One report per class, in class order. */
export function perClass(matrix: ConfusionMatrix): ClassReport[] {
  const { numClasses, counts } = matrix;
  const support = new Float64Array(numClasses);
  const predicted = new Float64Array(numClasses);
  counts.forEach((count, cell) => {
    support[Math.floor(cell / numClasses)]! += count;
    predicted[cell % numClasses]! += count;
  });
  return Array.from({ length: numClasses }, (_, index) => {
    const hits = counts[index * numClasses + index]!;
    return {
      index,
      support: support[index]!,
      predicted: predicted[index]!,
      recall: (100 * hits) / support[index]!,
      precision: (100 * hits) / predicted[index]!,
      f1: (200 * hits) / (support[index]! + predicted[index]!),
    };
  });
}
