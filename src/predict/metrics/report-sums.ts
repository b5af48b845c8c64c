import { DataError } from "../../core/index.ts";
import type { ValidationReport } from "../validate.ts";
import { reliabilityOfSums, type Reliability, type ReliabilitySums } from "./confidence.ts";
import { confusionMatrix, type Accuracy } from "./metrics.ts";

/** A validation as what it added up: plain data that goes through JSON, and adds up with that of other images. */
export interface ReportSums {
  readonly hits: Hits;
  /** By the ReaL labels. */
  readonly real?: Hits | undefined;
  readonly raw: Sureness;
  readonly scaled?: Sureness | undefined;
  readonly numClasses: number;
  /** Of the confusion matrix what is not 0: cell, row by row, and count. */
  readonly confusion: readonly (readonly [cell: number, count: number])[];
  readonly failed: number;
  readonly failures: readonly { readonly image: string; readonly code: string; readonly message: string }[];
}

interface Hits {
  readonly count: number;
  readonly top1: number;
  readonly top5: number;
}

/** Images, sum of the probabilities of their best classes, and how many of these are right. */
type Bin = readonly [images: number, probability: Sum, right: number];

/** Null for what is no number, which JSON does not have. */
type Sum = number | null;

interface Sureness {
  readonly bins: readonly Bin[];
  readonly loss: Sum;
}

const keptFailures = 100;

/** What a report added up. */
export function sumsOf({ count, top1, top5, ...report }: ValidationReport): ReportSums {
  const { reliability, real, confusion, failed, failures } = report;
  const cells = Array.from(confusion.counts, (images, cell) => [cell, images] as const);
  return {
    hits: hitsOf({ count, top1, top5 }),
    real: real && hitsOf(real),
    raw: surenessOf(reliability.raw),
    scaled: reliability.scaled && surenessOf(reliability.scaled),
    numClasses: confusion.numClasses,
    confusion: cells.filter(([, images]) => images > 0),
    failed,
    failures: failures.map(({ image, error: { code, message } }) => ({ image, code, message })),
  };
}

/** The report of sums that were added up apart, in order: that of all their images. */
export function reportOfSums(parts: readonly [ReportSums, ...ReportSums[]]): ValidationReport {
  const [{ numClasses }] = parts;
  const confusion = confusionMatrix(numClasses);
  for (const part of parts) for (const [cell, images] of part.confusion) confusion.counts[cell]! += images;
  const real = parts.flatMap((part) => part.real ?? []);
  const scaled = parts.flatMap((part) => part.scaled ?? []);
  const reliability = {
    raw: reliabilityOf(parts.map(({ raw }) => raw)),
    ...(scaled.length > 0 ? { scaled: reliabilityOf(scaled) } : {}),
  };
  return {
    ...accuracyOf(parts.map(({ hits }) => hits)),
    loss: reliability.raw.loss,
    reliability,
    real: real.length > 0 ? accuracyOf(real) : undefined,
    confusion,
    failed: sum(parts, ({ failed }) => failed),
    failures: parts
      .flatMap(({ failures }) => failures)
      .slice(0, keptFailures)
      .map(({ image, code, message }) => ({ image, error: new DataError(code, message) })),
  };
}

/** Shares in percent become the whole numbers that they were made of. */
function hitsOf({ count, top1, top5 }: Accuracy): Hits {
  const hits = (share: number): number => (count === 0 ? 0 : Math.round((share * count) / 100));
  return { count, top1: hits(top1), top5: hits(top5) };
}

function accuracyOf(parts: readonly Hits[]): Accuracy {
  const count = sum(parts, (part) => part.count);
  return {
    count,
    top1: (100 * sum(parts, ({ top1 }) => top1)) / count,
    top5: (100 * sum(parts, ({ top5 }) => top5)) / count,
  };
}

function surenessOf({ images: all, loss, bins }: Reliability): Sureness {
  return {
    bins: bins.map(({ images, probability, right }) =>
      images === 0 ? [0, 0, 0] : [images, finite(probability * images), Math.round(right * images)],
    ),
    loss: all === 0 ? 0 : finite(loss * all),
  };
}

function reliabilityOf(parts: readonly Sureness[]): Reliability {
  const added = (of: (bin: Bin) => number): readonly number[] =>
    parts[0]!.bins.map((_, bin) => sum(parts, ({ bins }) => of(bins[bin]!)));
  return reliabilityOfSums({
    counts: added(([images]) => images),
    probabilities: added(([, probability]) => probability ?? Number.NaN),
    hits: added(([, , right]) => right),
    loss: sum(parts, ({ loss }) => loss ?? Number.NaN),
  } satisfies ReliabilitySums);
}

const finite = (value: number): Sum => (Number.isFinite(value) ? value : null);

const sum = <Value>(values: readonly Value[], of: (value: Value) => number): number =>
  values.reduce((total, value) => total + of(value), 0);
