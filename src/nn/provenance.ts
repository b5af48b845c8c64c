import type { TopAccuracy } from "./model-cards.ts";
import type { ModelDescription } from "./model-description.ts";

type Provenance = ModelDescription["provenance"];

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

/** Reads what {@link provenanceOfAccuracy} wrote; `undefined` for checkpoints that state none. */
export function statedAccuracy({
  provenance,
}: Pick<ModelDescription, "provenance">): StatedAccuracy | undefined {
  const { top1, top5, "test set": testSet } = provenance;
  const accuracy = [Number(top1), Number(top5)] as const;
  return testSet === undefined || accuracy.some(Number.isNaN) ? undefined : { accuracy, testSet };
}

/** Provenance of what a training measured of its weights, in percent, and on which images. */
export const provenanceOfValidation = (top1: number, images: string): Provenance => ({
  validationTop1: top1.toFixed(2),
  "validation images": images,
});

/** Provenance of what cross-validation says of a classifier, in percent. */
export const provenanceOfCrossValidation = (top1: number, folds: number): Provenance => ({
  crossValidatedTop1: top1.toFixed(2),
  "cross-validation": `${folds} folds of the training images`,
});

const measured: ReadonlySet<string> = new Set(
  Object.keys({
    ...provenanceOfAccuracy({ accuracy: [0, 0], testSet: "" }),
    ...provenanceOfValidation(0, ""),
    ...provenanceOfCrossValidation(0, 0),
    epoch: "",
  }),
);

/** A provenance for other weights, of which no accuracy is known. */
export function withoutAccuracy(provenance: Provenance): Provenance {
  return Object.fromEntries(Object.entries(provenance).filter(([name]) => !measured.has(name)));
}

const ofStart = " (of the weights that it was trained from)";

/**
 * What a network that is trained from another one says of it: its name, its hash and what that one was trained from, and the
 * licence of the weights, which follows them. Nothing that was measured or said of it is true of the new one.
 *
 * @param sha256 Of the file of its weights; undefined for weights that are in no file.
 */
export function provenanceOfStart(
  { name, provenance }: ModelDescription,
  sha256: string | undefined,
): Provenance {
  const { licence, weights = "" } = provenance;
  const before = provenance["started from"];
  const which =
    sha256 !== undefined ? `, sha256 ${sha256}` : weights.startsWith("random") ? `, weights ${weights}` : "";
  return {
    model: name,
    "started from": `${name}${which}${before === undefined ? "" : `; before that ${before}`}`,
    ...(licence === undefined ? {} : { licence: licence.endsWith(ofStart) ? licence : licence + ofStart }),
  };
}
