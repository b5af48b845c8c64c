import { crossEntropy, rankOf, softmax, topk } from "../../predict/index.ts";
import type { Examples, HeadObjective } from "./head-objective.ts";
import { minimise } from "./minimise.ts";

/** One strength of the penalty, measured on images that the fits had not seen. */
export interface StrengthTried {
  readonly l2: number;
  /** Mean cross-entropy in nats; where classes are balanced, the mean of the classes' means. */
  readonly loss: number;
  /** In percent, of so many images. */
  readonly top1: number;
  readonly images: number;
}

/** What a head makes of some rows. */
export interface RowPredictions {
  readonly rows: Uint32Array;
  /** [rows, classes]. */
  readonly logits: Float32Array;
  /** Cross-entropy in nats. */
  readonly loss: Float64Array;
  /** Class with the largest logit. */
  readonly predicted: Int32Array;
  /** Its softmax probability. */
  readonly probability: Float32Array;
  /** Place of the right class in the order of the logits: 0 for the first. */
  readonly rank: Int32Array;
}

/** What became of a fit on all images. */
export interface HeadFit {
  /** Weight [features, classes] and bias [classes]. */
  readonly parameters: Float32Array<ArrayBuffer>;
  readonly l2: number;
  /** What the strength was chosen by: the least loss of all that were tried; undefined without folds. */
  readonly heldOutLoss: number | undefined;
  /** Mean cross-entropy over all images in nats, which the fit has seen; without the penalty. */
  readonly loss: number;
  /** Percent of all images that are right. */
  readonly top1: number;
  readonly iterations: number;
  /** Each image that was ever held out, judged by the fit that had not seen it. */
  readonly heldOut: RowPredictions;
}

export interface FitHeadOptions {
  /** Strengths of the penalty l2/2·|weight|² beside the mean loss, strongest first. @default `defaultStrengths` */
  readonly strengths?: readonly number[] | undefined;
  /** Fold of each row, counted from 0; -1 for rows that are never held out. */
  readonly folds: Int32Array;
  /** Gives each class the same weight, however many images it has. @default false */
  readonly classBalanced?: boolean | undefined;
  /** Weight of each row beside the others, in place of `classBalanced`. */
  readonly weights?: Float64Array | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Half decades; the best one lies within for features of mean square length 1. */
export const defaultStrengths: readonly number[] = [
  1, 0.3, 0.1, 0.03, 0.01, 0.003, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6,
];

/** Shares of the loss by which fits may miss the optimum: to choose, and to keep. */
const chooses = 1e-2;
const keeps = 1e-4;

/** Parameters that are searched for at once: L-BFGS remembers 20 vectors of so many numbers. */
const mostParameters = 4e6;

/** How many folds are fitted at once: all of them, but for very many classes. */
export function headsAtOnce({ length, numClasses }: Examples, folds: number): number {
  return Math.max(1, Math.min(folds, Math.floor(mostParameters / ((length + 1) * numClasses))));
}

/** Some folds that are fitted at once, each by a head of its own. */
interface FoldGroup {
  readonly first: number;
  readonly count: number;
  /** [rows, heads]: 0 for rows that are held out. */
  readonly rowWeights: Float32Array<ArrayBuffer>;
  point: Float32Array<ArrayBuffer>;
}

/**
 * Fits a linear classifier by multinomial logistic regression. The strength of its L2 penalty is the one with the
 * least loss in cross-validation; the fit that is kept sees all images. Each strength starts from the fits of the one
 * before, and the search ends when the loss has risen twice. Without folds the middle strength is taken.
 *
 * Folds are fitted together, as one problem: L-BFGS gets on with their sum as with each, and one run of the graph serves
 * them all.
 */
export async function* fitHead(
  objective: HeadObjective,
  examples: Examples,
  { strengths = defaultStrengths, folds, classBalanced = false, weights, signal }: FitHeadOptions,
): AsyncGenerator<StrengthTried, HeadFit, undefined> {
  const share = (isSeen: (row: number) => boolean): Float64Array =>
    weights ? weightShares(weights, isSeen) : rowShares(examples, classBalanced, isSeen);
  const groups = foldGroups(objective, examples, folds, share);
  const fit = async (group: FoldGroup, l2: number, miss: number): Promise<number> => {
    const { point, iterations } = await minimise(
      (at) => objective.penalised(at, group.rowWeights, l2),
      group.point,
      {
        // What is strongly convex lies at most |gradient|²/2l2 above its minimum.
        done: (value, squaredNorm) => squaredNorm <= 2 * l2 * miss * value,
        signal,
      },
    );
    group.point = point;
    return iterations;
  };
  const crossValidate = async (l2: number, miss: number): Promise<RowPredictions> => {
    for (const group of groups) await fit(group, l2, miss);
    return predictHeldOut(objective, examples, folds, groups);
  };

  const heldOutShares = share((row) => folds[row]! >= 0);
  let best: { readonly tried: StrengthTried; readonly points: readonly FoldGroup["point"][] } | undefined;
  let risen = 0;
  for (const l2 of groups.length > 0 ? strengths : []) {
    const found = await crossValidate(l2, chooses);
    const loss = found.rows.reduce((sum, row, i) => sum + heldOutShares[row]! * found.loss[i]!, 0);
    const tried = { l2, loss, top1: percentRight(found), images: found.rows.length };
    yield tried;
    if (best === undefined || loss < best.tried.loss) {
      best = { tried, points: groups.map(({ point }) => point) };
      risen = 0;
    } else if (++risen === 2) break;
  }
  groups.forEach((group, index) => (group.point = best!.points[index]!));
  const l2 = best?.tried.l2 ?? strengths[Math.floor(strengths.length / 2)]!;
  const heldOut = await crossValidate(l2, keeps);

  const all: FoldGroup = {
    first: 0,
    count: 1,
    rowWeights: firstHead(
      objective,
      share(() => true),
    ),
    point: meanHead(objective, examples, groups),
  };
  const iterations = await fit(all, l2, keeps);
  const seen = await predictHeldOut(objective, examples, new Int32Array(examples.rows), [all]);
  return {
    parameters: headOf(objective, examples, all.point, 0),
    l2,
    heldOutLoss: best?.tried.loss,
    loss: seen.loss.reduce((sum, loss) => sum + loss, 0) / examples.rows,
    top1: percentRight(seen),
    iterations,
    heldOut,
  };
}

const percentRight = ({ rank }: RowPredictions): number =>
  (100 * rank.filter((place) => place === 0).length) / rank.length;

/** Weights of rows that add up to 1: the same for each row, or for each class. */
function rowShares(
  { rows, labels, numClasses }: Examples,
  classBalanced: boolean,
  isSeen: (row: number) => boolean,
): Float64Array {
  const counts = new Float64Array(numClasses);
  for (let row = 0; row < rows; row++) if (isSeen(row)) counts[labels[row]!]!++;
  const seen = counts.reduce((sum, count) => sum + count, 0);
  const classes = counts.filter((count) => count > 0).length;
  return Float64Array.from({ length: rows }, (_, row) => {
    if (!isSeen(row)) return 0;
    return classBalanced ? 1 / (classes * counts[labels[row]!]!) : 1 / seen;
  });
}

/** Weights of rows that add up to 1, in proportion to given ones. */
function weightShares(weights: Float64Array, isSeen: (row: number) => boolean): Float64Array {
  const seen = weights.map((weight, row) => (isSeen(row) ? weight : 0));
  const sum = seen.reduce((total, weight) => total + weight, 0);
  return seen.map((weight) => weight / sum);
}

function foldGroups(
  { heads }: HeadObjective,
  { rows, length, numClasses }: Examples,
  folds: Int32Array,
  share: (isSeen: (row: number) => boolean) => Float64Array,
): readonly FoldGroup[] {
  const total = folds.reduce((most, fold) => Math.max(most, fold + 1), 0);
  return Array.from({ length: Math.ceil(total / heads) }, (_, index) => {
    const first = index * heads;
    const count = Math.min(heads, total - first);
    const rowWeights = new Float32Array(rows * heads);
    for (let head = 0; head < count; head++) {
      share((row) => folds[row] !== first + head).forEach((value, row) => {
        rowWeights[row * heads + head] = value;
      });
    }
    return { first, count, rowWeights, point: new Float32Array((length + 1) * heads * numClasses) };
  });
}

/** The weights of rows for the first head alone; the others see nothing and stay at zero. */
function firstHead({ heads }: HeadObjective, shares: Float64Array): Float32Array<ArrayBuffer> {
  const rowWeights = new Float32Array(shares.length * heads);
  shares.forEach((share, row) => (rowWeights[row * heads] = share));
  return rowWeights;
}

/** What each fold's rows get from the head that has not seen them. */
async function predictHeldOut(
  objective: HeadObjective,
  { labels, numClasses }: Examples,
  folds: Int32Array,
  groups: readonly FoldGroup[],
): Promise<RowPredictions> {
  const rows = Uint32Array.from(folds.keys()).filter((row) => folds[row]! >= 0);
  const place = new Map(Array.from(rows, (row, index) => [row, index]));
  const found = {
    rows,
    logits: new Float32Array(rows.length * numClasses),
    loss: new Float64Array(rows.length),
    predicted: new Int32Array(rows.length),
    probability: new Float32Array(rows.length),
    rank: new Int32Array(rows.length),
  };
  const width = objective.heads * numClasses;
  for (const { first, count, point } of groups) {
    for await (const { start, logits } of objective.logits(point)) {
      for (let row = start; row < start + logits.length / width; row++) {
        const head = folds[row]! - first;
        if (head < 0 || head >= count) continue;
        const from = (row - start) * width + head * numClasses;
        const own = logits.subarray(from, from + numClasses);
        const at = place.get(row)!;
        const predicted = topk(own, 1)[0]!.index;
        found.logits.set(own, at * numClasses);
        found.loss[at] = crossEntropy(own, labels[row]!);
        found.predicted[at] = predicted;
        found.probability[at] = softmax(own)[predicted]!;
        found.rank[at] = rankOf(own, labels[row]!);
      }
    }
  }
  return found;
}

/** One head's weight [features, classes] and bias [classes]. */
function headOf(
  { heads }: HeadObjective,
  { length, numClasses }: Examples,
  parameters: Float32Array<ArrayBuffer>,
  head: number,
): Float32Array<ArrayBuffer> {
  const own = new Float32Array((length + 1) * numClasses);
  for (let j = 0; j <= length; j++) {
    const from = (j * heads + head) * numClasses;
    own.set(parameters.subarray(from, from + numClasses), j * numClasses);
  }
  return own;
}

/** Parameters whose first head is the mean of the heads of all folds: near the one that sees all rows. */
function meanHead(
  objective: HeadObjective,
  examples: Examples,
  groups: readonly FoldGroup[],
): Float32Array<ArrayBuffer> {
  const { heads } = objective;
  const { length, numClasses } = examples;
  const folds = groups.flatMap(({ count, point }) =>
    Array.from({ length: count }, (_, head) => headOf(objective, examples, point, head)),
  );
  const mean = new Float32Array((length + 1) * heads * numClasses);
  for (let j = 0; j <= length; j++) {
    for (let k = 0; k < numClasses; k++) {
      const values = folds.map((own) => own[j * numClasses + k]!);
      mean[j * heads * numClasses + k] = values.reduce((sum, value) => sum + value, 0) / (values.length || 1);
    }
  }
  return mean;
}
