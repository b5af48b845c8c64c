import { accuracyText, isFew } from "../../core/index.ts";
import { count } from "../../report/elements.ts";
import { pairedInterval, signed, type Interval } from "./statistics.ts";

/** Paired comparison of the model that unlabelled images helped to make with the best that labels alone give. */
export interface ComparedModels {
  /** Labelled training images, all classes together. */
  readonly labelled: number;
  readonly unlabelled: number;
  readonly classes: number;
  readonly method: "adapt" | "labels" | "joint" | "paper";
  /** What the student of method `paper` and its baseline began with. */
  readonly studentStart?: "random" | "pretrained" | "teacher" | undefined;
  /** The model of labels alone that it is held against, where that is the teacher: the labels taught it better than the baseline. */
  readonly alone?: "teacher" | undefined;
  /** Top-1 accuracy in percent, on the same images, of the teacher of method `paper` that was given and not trained here. */
  readonly givenTeacher?: number | undefined;
  /** Why the unlabelled images had no part in the model, as a clause, where they had none. */
  readonly unused?: string | undefined;
  /** Whether whole networks were trained on from the classifiers that cross-validation judges. */
  readonly tunedAfter?: boolean | undefined;
  /** On test images, or what was kept back for validation; they decide where there are some. */
  readonly test?: TestComparison | undefined;
  /** Out of fold, on the labelled images: each is judged by models that were trained without it. */
  readonly crossValidated?: CrossValidatedComparison | undefined;
  /** The classes one by one, on the images that decide. */
  readonly perClass?: readonly ClassCounts[] | undefined;
}

export interface TestComparison {
  /** Validation images may have chosen the best epoch. @default "test" */
  readonly set?: "test" | "validation" | undefined;
  /** Where the images come from. */
  readonly name: string;
  readonly images: number;
  /** Top-1 accuracy in percent of the model with and of that without the unlabelled images. */
  readonly with: number;
  readonly without: number;
  /** Images that only the model with unlabelled images has right. */
  readonly onlyWith: number;
  /** Images that only the model without them has right. */
  readonly onlyWithout: number;
}

export interface CrossValidatedComparison {
  readonly images: number;
  readonly folds: number;
  /** Mean log loss in nats, top-1 accuracy in percent. */
  readonly with: { readonly loss: number; readonly top1: number };
  readonly without: { readonly loss: number; readonly top1: number };
  /** Log loss with less that without unlabelled images, image by image, in nats. */
  readonly difference: { readonly mean: number; readonly standardError: number };
  readonly onlyWith: number;
  readonly onlyWithout: number;
}

/** A class, and how the model that is recommended does on its images. */
export interface ClassCounts {
  readonly name: string;
  /** Labelled training images. */
  readonly labelled: number;
  /** Images that were judged, and those of them that were right. */
  readonly images: number;
  readonly right: number;
}

/** What is to be said of the unlabelled images' part, no stronger than the numbers are. */
export interface Verdict {
  /**
   * - `gain`, `loss`: the 95 % interval of the paired difference lies above 0, below it
   * - `no gain`: it reaches over 0, and rules out a gain of more than 3 points
   * - `cannot tell`: it reaches over 0 and further, or too few images were judged, or none
   * - `labels alone better`: the model with unlabelled images was vetoed, and the images are not too few to say so
   * - `not used`: the unlabelled images had no part in the model
   */
  readonly outcome: "gain" | "no gain" | "loss" | "cannot tell" | "labels alone better" | "not used";
  /** The first line: the outcome, both accuracies, and their difference with its interval. */
  readonly headline: string;
  /** What it was measured on and how sure it is; a sentence or some. */
  readonly uncertainty: string;
  /** What would help, the likeliest first; empty after a gain. */
  readonly help: readonly string[];
  /**
   * Whether the model of labels alone is to be taken: the paired cross-validated log loss is worse by more than one
   * standard error. Test images have no say in this: they would flatter what they chose.
   */
  readonly isVetoed: boolean;
}

/** A gain of more points than this is worth the effort: `no gain` is said where the interval rules it out. */
const worthwhile = 3;

/** Cross-validation on fewer labelled images than this tells nothing, whatever the numbers are. */
const fewestLabelled = 50;

/** Judges what unlabelled images brought; test images decide where there are some, else cross-validation. */
export function verdictOf(compared: ComparedModels): Verdict {
  const { crossValidated } = compared;
  const isVetoed =
    crossValidated !== undefined &&
    crossValidated.difference.mean > 0 &&
    crossValidated.difference.mean > crossValidated.difference.standardError;
  const judged = judgedOn(compared);
  const outcome = outcomeOf(compared, judged, isVetoed);
  return {
    outcome,
    headline: headline(compared, judged, outcome),
    uncertainty: [...basis(compared, judged), ...lossLine(compared, isVetoed)].join(" "),
    help: outcome === "gain" ? [] : help(compared, judged, outcome),
    isVetoed,
  };
}

/** The comparison that decides. */
export interface Judged {
  readonly by: "test" | "validation" | "cross-validation";
  readonly images: number;
  /** Top-1 accuracies in percent. */
  readonly with: number;
  readonly without: number;
  /** Their difference in points. */
  readonly points: number;
  readonly interval: Interval;
  /** Images that only one of the models has right. */
  readonly apart: number;
}

/** The numbers that decide; undefined when nothing was measured. */
export function judgedOn({ test, crossValidated }: ComparedModels): Judged | undefined {
  if (test) return paired(test.set ?? "test", test, test.with, test.without);
  return (
    crossValidated &&
    paired("cross-validation", crossValidated, crossValidated.with.top1, crossValidated.without.top1)
  );
}

function paired(
  by: Judged["by"],
  { images, onlyWith, onlyWithout }: Pick<TestComparison, "images" | "onlyWith" | "onlyWithout">,
  top1: number,
  without: number,
): Judged | undefined {
  if (images === 0) return undefined;
  return {
    by,
    images,
    with: top1,
    without,
    points: (100 * (onlyWith - onlyWithout)) / images,
    interval: pairedInterval(images, onlyWith, onlyWithout),
    apart: onlyWith + onlyWithout,
  };
}

/** Whether cross-validation had too few labelled images for its numbers to tell anything. */
const isTooFew = ({ labelled }: ComparedModels, { by }: Judged): boolean =>
  by === "cross-validation" && labelled < fewestLabelled;

function outcomeOf(
  compared: ComparedModels,
  judged: Judged | undefined,
  isVetoed: boolean,
): Verdict["outcome"] {
  if (compared.unused !== undefined) return "not used";
  if (!judged || isTooFew(compared, judged)) return "cannot tell";
  if (isVetoed) return "labels alone better";
  const { low, high } = judged.interval;
  if (low > 0) return "gain";
  if (high < 0) return "loss";
  return high <= worthwhile ? "no gain" : "cannot tell";
}

function headline(compared: ComparedModels, judged: Judged | undefined, outcome: Verdict["outcome"]): string {
  const unlabelled = `${count(compared.unlabelled)} unlabelled image${compared.unlabelled === 1 ? "" : "s"}`;
  const unused = compared.unused && `The ${unlabelled} had no part in the model: ${compared.unused}.`;
  if (!judged) {
    return unused
      ? `${unused} How good it is was not measured.`
      : `Whether the ${unlabelled} helped cannot be told: nothing was measured.`;
  }
  const [reached, alone] = [judged.with, judged.without].map((share) => accuracyText(share, judged.images));
  const ofAll = isFew(judged.images) ? "" : "of the ";
  const where =
    judged.by === "cross-validation" ? "right in cross-validation" : `${ofAll}${judged.by} images right`;
  const labels = compared.alone === "teacher" ? "labels alone, the teacher's" : "labels alone";
  const difference = `${signed(judged.points)} points (95 % interval ${intervalText(judged)})`;
  const both = `${reached} ${where} with them`;
  const lines: Readonly<Record<Verdict["outcome"], string>> = {
    gain: `The ${unlabelled} helped: ${both} instead of ${alone} with ${labels}, ${difference}.`,
    "no gain": `The ${unlabelled} brought no gain that can be shown: ${both}, ${alone} with ${labels}, ${difference}.`,
    loss: `The ${unlabelled} did harm, a loss: ${both} instead of ${alone} with ${labels}, ${difference}.`,
    "cannot tell": `${howFew(compared, judged)} too few to tell whether the ${unlabelled} helped: ${both}, ${alone} with ${labels}, ${difference}.`,
    "labels alone better": `Labels alone did better${judged.by === "cross-validation" ? "" : " in cross-validation"}, so their model was taken: ${alone} ${where} instead of ${reached} with the ${unlabelled}, with them ${difference}.`,
    "not used": `${unused} It is the model of the labels alone, ${reached} ${where}${isTooFew(compared, judged) ? `; ${howFew(compared, judged)} too few to tell how good it is` : ""}.`,
  };
  const { givenTeacher = 0 } = compared;
  return [
    lines[outcome],
    ...(givenTeacher > judged.with
      ? [`The teacher that was given is better: ${accuracyText(givenTeacher, judged.images)} right.`]
      : []),
    ...(isJudgedBefore(compared) ? [judgedBefore] : []),
  ].join(" ");
}

/** Whether the numbers are those of classifiers, and whole networks were trained on from there. */
const isJudgedBefore = ({ test, tunedAfter }: ComparedModels): boolean => !test && tunedAfter === true;

const judgedBefore =
  "That is the classifier on the frozen network: how good the whole network is, which was trained on from there, was not measured.";

function howFew({ labelled }: ComparedModels, { by, images }: Judged): string {
  const few = by === "cross-validation" ? labelled : images;
  const noun = by === "cross-validation" ? "labelled image" : `${by} image`;
  return few === 1 ? `One ${noun} is` : `${count(few)} ${noun}s are`;
}

const intervalText = ({ interval: { low, high } }: Judged): string => `${signed(low)} to ${signed(high)}`;

/** What decides, and what the interval accounts for. */
function basis(compared: ComparedModels, judged: Judged | undefined): readonly string[] {
  const { test, crossValidated, labelled, unused } = compared;
  if (!judged) return ["There was neither a test set nor a cross-validation."];
  const apart = (onlyWith: number, onlyWithout: number): string =>
    `${count(onlyWith)} only the model with unlabelled images has right, ${count(onlyWithout)} only that of labels alone`;
  const isUnused = unused !== undefined;
  if (test) {
    const measured =
      test.set === "validation"
        ? `Measured on ${count(test.images)} validation images, on which all figures are a little too high where they also chose the best epoch`
        : `Measured on ${count(test.images)} test images that no training saw`;
    return isUnused
      ? [`${measured}.`]
      : [
          `${measured}: ${apart(test.onlyWith, test.onlyWithout)}.`,
          `The interval is that of the paired difference; it accounts for the choice of ${judged.by} images, not for another draw of labels.`,
        ];
  }
  const { images, folds, onlyWith, onlyWithout } = crossValidated!;
  const judgedBy = `There is no test set: ${count(images)} labelled images were judged in ${count(folds)} parts, each by models that had not seen its labels`;
  return [
    ...(isUnused
      ? [`${judgedBy}.`]
      : [
          `${judgedBy}: ${apart(onlyWith, onlyWithout)}.`,
          "The interval is that of the paired difference; the parts share training images, so the truth is a little less sure than it says.",
        ]),
    ...(labelled < fewestLabelled
      ? [`With fewer than ${fewestLabelled} labelled images such numbers are mostly chance.`]
      : []),
  ];
}

/** The paired log loss, and what it decided. */
function lossLine({ crossValidated, unused }: ComparedModels, isVetoed: boolean): readonly string[] {
  if (!crossValidated || unused !== undefined) return [];
  const { with: reached, without, difference } = crossValidated;
  const size = `${Math.abs(difference.mean).toFixed(3)} ± ${difference.standardError.toFixed(3)}`;
  const numbers = `Cross-validated log loss: ${reached.loss.toFixed(3)} with unlabelled images, ${without.loss.toFixed(3)} with labels alone;`;
  if (isVetoed)
    return [
      `${numbers} worse by ${size} nats image by image, more than one standard error: the model of labels alone was taken as a precaution.`,
    ];
  if (difference.mean > 0)
    return [`${numbers} worse by ${size} nats image by image, within one standard error.`];
  const sure = -difference.mean > 2 * difference.standardError ? "more" : "no more";
  return [`${numbers} better by ${size} nats image by image, ${sure} than two standard errors.`];
}

/** So few unlabelled images leave self-supervision little to learn from. */
const fewUnlabelled = 1000;

function help(
  compared: ComparedModels,
  judged: Judged | undefined,
  outcome: Verdict["outcome"],
): readonly string[] {
  const { unlabelled, method, studentStart } = compared;
  const isUnsure = outcome === "cannot tell" || judged?.by !== "test";
  return [
    ...(outcome === "loss"
      ? [
          `The ${compared.alone === "teacher" ? "teacher" : "model of labels alone"}, which stands in the folder of the run, too; or unlabelled images that show the same kind of things.`,
        ]
      : []),
    moreLabels(compared),
    ...(isUnsure ? [testSet(compared, judged)] : []),
    method === "paper" && (studentStart ?? "random") === "random"
      ? "A better start: a student that begins from pretrained weights, not from random ones (studentStart, --student-start), or method adapt."
      : "A better start: pretrained weights that know images like yours; at few labels the start decides most.",
    ...(unlabelled < fewUnlabelled && outcome !== "loss"
      ? [
          `More unlabelled images: ${count(unlabelled)} ${unlabelled === 1 ? "is" : "are"} few to learn from without labels.`,
        ]
      : []),
  ];
}

/** Twice the labels, and of which classes first. */
function moreLabels({ labelled, classes, perClass }: ComparedModels): string {
  const each = Math.max(1, Math.ceil(labelled / Math.max(1, classes)));
  const wanted = `More labels, which is the surest: about ${count(each)} more of each of the ${count(classes)} classes, twice as many as now`;
  const first = neediest(perClass ?? [], each);
  return first.length === 0 ? `${wanted}.` : `${wanted}; first of ${first.join(", ")}.`;
}

/** Classes that have clearly fewer labels than the others, then those that are right least often; three at most. */
function neediest(perClass: readonly ClassCounts[], each: number): readonly string[] {
  if (perClass.length < 2) return [];
  const share = ({ images, right }: ClassCounts): number => (images === 0 ? 1 : right / images);
  const few = perClass
    .filter(({ labelled }) => labelled < each / 2)
    .toSorted((a, b) => a.labelled - b.labelled);
  const total = perClass.reduce((sum, { images }) => sum + images, 0);
  const overall = perClass.reduce((sum, { right }) => sum + right, 0) / total;
  const weak = perClass
    .filter((one) => !few.includes(one) && share(one) < overall)
    .toSorted((a, b) => share(a) - share(b));
  return [
    ...few.map(({ name, labelled }) => `${name} (${count(labelled)} labelled)`),
    ...weak.map(({ name, images, right }) => `${name} (${count(right)} of ${count(images)} right)`),
  ].slice(0, 3);
}

/** How many test images would show a difference that is worth it, by how often the models disagree. */
function testSet(compared: ComparedModels, judged: Judged | undefined): string {
  if (compared.unused !== undefined)
    return "A test set (--test) of images that no training sees, which tells how good the model is.";
  // Var of the difference is at most the share of images that only one has right; that of few images is uncertain.
  const apart = judged ? (judged.apart + 1) / (judged.images + 2) : 0.2;
  const wanted = Math.ceil(apart * (1.96 / (worthwhile / 100)) ** 2);
  const round = 10 ** Math.max(1, Math.floor(Math.log10(wanted)) - 1);
  const images = count(Math.max(100, Math.ceil(wanted / round) * round));
  return compared.test && compared.test.set !== "validation"
    ? `A larger test set: about ${images} images would show a difference of ${worthwhile} points; there are ${count(compared.test.images)}.`
    : `A test set (--test) of images that no training sees: about ${images} would show a difference of ${worthwhile} points.`;
}
