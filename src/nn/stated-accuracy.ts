import type { ModelDescription } from "./model-description.ts";
import type { TopAccuracy } from "./model-cards.ts";

/** An accuracy that a checkpoint states of itself. */
export interface StatedAccuracy {
  readonly accuracy: TopAccuracy;
  /** The images that it was measured on. */
  readonly testSet: string;
}

/** Provenance of a model's accuracy: `top1` and `top5` in percent, measured on the `test set`. */
export function provenanceOfAccuracy({ accuracy: [top1, top5], testSet }: StatedAccuracy): {
  readonly top1: string;
  readonly top5: string;
  readonly "test set": string;
} {
  return { top1: top1.toFixed(2), top5: top5.toFixed(2), "test set": testSet };
}

/** A provenance for other weights, of which no accuracy is known. */
export function withoutAccuracy(provenance: ModelDescription["provenance"]): ModelDescription["provenance"] {
  const stated = Object.keys(provenanceOfAccuracy({ accuracy: [0, 0], testSet: "" }));
  return Object.fromEntries(Object.entries(provenance).filter(([name]) => !stated.includes(name)));
}

/** Reads what {@link provenanceOfAccuracy} wrote; `undefined` for checkpoints that state none. */
export function statedAccuracy({ provenance }: ModelDescription): StatedAccuracy | undefined {
  const { top1, top5, "test set": testSet } = provenance;
  const accuracy = [Number(top1), Number(top5)] as const;
  return testSet === undefined || accuracy.some(Number.isNaN) ? undefined : { accuracy, testSet };
}
