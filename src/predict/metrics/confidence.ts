import type { Confidence } from "../../nn/index.ts";
import { crossEntropy, softmax, topk } from "./metrics.ts";

/** What a model makes of an image that had no part in it. */
export interface JudgedAnswer {
  /** As the network gives them. */
  readonly logits: ArrayLike<number>;
  /** Index of the right class. */
  readonly target: number;
}

/** Keeps some of any number of answers: enough to tell how sure a model is, evenly spread. */
export interface AnswerSample {
  add(answer: JudgedAnswer): void;
  readonly answers: readonly JudgedAnswer[];
}

/** Logits that a sample holds at most, and answers. */
const [mostLogits, mostAnswers] = [2e6, 10_000];

/** A sample without answers yet. */
export function answerSample(): AnswerSample {
  let answers: JudgedAnswer[] = [];
  let seen = 0;
  let every = 1;
  return {
    add(answer) {
      if (seen++ % every !== 0) return;
      answers.push(answer);
      if (answers.length < Math.min(mostAnswers, mostLogits / answer.logits.length)) return;
      answers = answers.filter((_, at) => at % 2 === 0);
      every *= 2;
    },
    get answers() {
      return answers;
    },
  };
}

/** Images whose best class has a probability of one stretch. */
export interface ReliabilityBin {
  readonly images: number;
  /** Mean probability of the best class, 0 to 1; NaN without images. */
  readonly probability: number;
  /** Share of them whose best class is right, 0 to 1. */
  readonly right: number;
}

/** How far the probabilities of a model can be believed. */
export interface Reliability {
  readonly images: number;
  /** Mean cross-entropy in nats; NaN without images. */
  readonly loss: number;
  /**
   * Expected calibration error in percent (Guo et al., On Calibration of Modern Neural Networks, 2017): how far the share of
   * right answers is from the probability of the best class, in the mean over images of the bins.
   */
  readonly calibrationError: number;
  /** 15 bins of equal width by the probability of the best class, from 0 on. */
  readonly bins: readonly ReliabilityBin[];
}

const numBins = 15;

/** Adds up how sure answers are and how often they are right. */
export interface ReliabilityMeter {
  /** Counts one image by its logits, which are divided by the temperature, and its right class. */
  add(logits: ArrayLike<number>, target: number, temperature?: number): void;
  result(): Reliability;
}

/** A meter at zero. */
export function reliabilityMeter(): ReliabilityMeter {
  const counts = new Float64Array(numBins);
  const probabilities = new Float64Array(numBins);
  const hits = new Float64Array(numBins);
  let loss = 0;
  return {
    add(logits, target, temperature = 1) {
      const best = topk(logits, 1)[0]!.index;
      const probability = softmax(logits, temperature)[best]!;
      // Bins hold their upper end. What is no number makes the first one so.
      const bin = Math.max(0, Math.ceil(probability * numBins) - 1) || 0;
      counts[bin]!++;
      probabilities[bin]! += probability;
      if (best === target) hits[bin]!++;
      loss += crossEntropy(logits, target, temperature);
    },
    result: () => reliabilityOfSums({ counts, probabilities, hits, loss }),
  };
}

/** What a meter adds up, the images of each bin apart. */
export interface ReliabilitySums {
  readonly counts: ArrayLike<number>;
  /** Of the best classes. */
  readonly probabilities: ArrayLike<number>;
  /** Best classes that are right. */
  readonly hits: ArrayLike<number>;
  /** Of all images, in nats. */
  readonly loss: number;
}

export function reliabilityOfSums({ counts, probabilities, hits, loss }: ReliabilitySums): Reliability {
  const bins = Array.from(counts, (images, bin) => ({
    images,
    probability: probabilities[bin]! / images,
    right: hits[bin]! / images,
  }));
  const images = bins.reduce((sum, bin) => sum + bin.images, 0);
  const gaps = bins.map((_, bin) => Math.abs(hits[bin]! - probabilities[bin]!));
  return {
    images,
    loss: loss / images,
    calibrationError: (100 * gaps.reduce((sum, gap) => sum + gap, 0)) / images,
    bins,
  };
}

/** What out-of-sample answers say of how sure a model is. */
export interface ConfidenceFit {
  /** Undefined where they say too little. */
  readonly confidence?: Confidence | undefined;
  /** Why they do. */
  readonly reason?: string | undefined;
  /** Of the logits as they come, and of each image at a temperature that other images gave. */
  readonly reliability: { readonly raw: Reliability; readonly scaled?: Reliability | undefined };
}

const [fewestImages, fewestOfEither] = [100, 5];
/** Answers in turn are left out of the temperature that they are measured at. */
const parts = 5;
/** Share of the right answers that the suggested value keeps, as detectors of foreign images are compared at. */
const kept = 0.95;

/**
 * Fits the temperature of a model to images that had no part in its weights, and measures on each of them what it is worth, at a
 * temperature that four fifths of the others gave. Fewer than 100 images are too few, on which a temperature was measured to make
 * nothing better, and so are fewer than 5 right or 5 wrong answers among them: without mistakes the likeliest model is sure of
 * everything.
 *
 * The suggested value is the probability that 95 % of the right answers reach.
 *
 * @param fittedTo What the images are, in words.
 */
export function fitConfidence(answers: readonly JudgedAnswer[], fittedTo: string): ConfidenceFit {
  const right = answers.filter(({ logits, target }) => topk(logits, 1)[0]!.index === target);
  const raw = reliabilityOf(answers, () => 1);
  const reason = tooFew(raw, right.length);
  if (reason !== undefined) return { reason, reliability: { raw } };

  const temperature = fitTemperature(answers);
  const byOthers = Array.from({ length: parts }, (_, part) =>
    fitTemperature(answers.filter((__, at) => at % parts !== part)),
  );
  const scaled = reliabilityOf(answers, (at) => byOthers[at % parts]!);
  const sure = right.map(({ logits }) => Math.max(...softmax(logits, temperature))).sort((a, b) => a - b);
  return {
    confidence: {
      temperature: Number(temperature.toPrecision(4)),
      // Rounded down, so that no fewer are kept.
      unknownBelow: Math.floor(1000 * sure[Math.floor((1 - kept) * sure.length)]!) / 1000,
      fittedTo,
      calibrationError: {
        raw: Number(raw.calibrationError.toFixed(4)),
        scaled: Number(scaled.calibrationError.toFixed(4)),
      },
    },
    reliability: { raw, scaled },
  };
}

function reliabilityOf(answers: readonly JudgedAnswer[], temperatureOf: (at: number) => number): Reliability {
  const meter = reliabilityMeter();
  for (const [at, { logits, target }] of answers.entries()) meter.add(logits, target, temperatureOf(at));
  return meter.result();
}

function tooFew({ images, loss }: Reliability, right: number): string | undefined {
  const counted = (count: number, noun: string): string =>
    `${count} ${noun}${count === 1 ? " is" : "s are"} too few`;
  if (images < fewestImages) {
    return `${counted(images, "image")} to tell how sure the model is, that had no part in its training; ${fewestImages} are needed`;
  }
  if (!Number.isFinite(loss)) return "its logits are no finite numbers";
  const wrong = images - right;
  if (Math.min(right, wrong) >= fewestOfEither) return undefined;
  return `${counted(Math.min(right, wrong), wrong < right ? "wrong answer" : "right answer")} among ${images} to tell how sure the model is; ${fewestOfEither} are needed`;
}

const [coldest, hottest] = [0.05, 20];

/**
 * The temperature of the least mean cross-entropy, from 0.05 to 20 (Guo et al. 2017): one number, which leaves the order of
 * classes as it is. The loss is convex in its reciprocal, so that bisection finds it.
 */
function fitTemperature(answers: readonly JudgedAnswer[]): number {
  // d/dβ of the loss of softmax(β·x): what the classes score in the mean, less what the right one does.
  const slope = (temperature: number): number =>
    answers.reduce((sum, { logits, target }) => {
      const probabilities = softmax(logits, temperature);
      return probabilities.reduce((gap, share, index) => gap + share * logits[index]!, sum - logits[target]!);
    }, 0);
  let [low, high] = [coldest, hottest];
  while (high / low > 1 + 1e-5) {
    const middle = Math.sqrt(low * high);
    // A loss that rises with the reciprocal asks for a higher temperature.
    if (slope(middle) > 0) low = middle;
    else high = middle;
  }
  return Math.sqrt(low * high);
}
