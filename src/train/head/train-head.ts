import { DataError, ModelError, tensor } from "../../core/index.ts";
import {
  emptyClasses,
  sampleImages,
  stratifiedFolds,
  usableImages,
  type ImageItem,
  type ImageSource,
  type SkippedImage,
} from "../../data/index.ts";
import { family } from "../../nn/index.ts";
import {
  answerSample,
  fitConfidence,
  openSession,
  startProvenance,
  type ConfidenceFit,
  type ModelPlatform,
  type ModelSource,
} from "../../predict/index.ts";
import { confidenceEvent, type ConfidenceEvent } from "../trainer/events.ts";
import { openEmbedder, type EmbeddedImages, type Embedder, type EmbedderOptions } from "./embed-images.ts";
import {
  fitHead,
  headsAtOnce,
  type FitHeadOptions,
  type HeadFit,
  type RowPredictions,
  type StrengthTried,
} from "./fit-head.ts";
import { headGraph, headObjective, type Examples } from "./head-objective.ts";
import {
  asSeen,
  centring,
  foldTransform,
  halfWhitening,
  type Features,
  type FeatureTransform,
  type LinearHead,
} from "./feature-transform.ts";

/** What happens while a head is trained; plain data, in order. */
export type HeadEvent =
  | ({ readonly type: "skipped" } & SkippedImage)
  | ({ readonly type: "embedded" } & Embedding)
  | ({ readonly type: "unlabelled-embedded" } & Embedding)
  | ({ readonly type: "unlabelled-unused"; readonly reason: string } & Embedding)
  | ({ readonly type: "tried"; readonly features: Features } & StrengthTried)
  | ({ readonly type: "cross-validated" } & CrossValidation)
  | ConfidenceEvent
  | ({ readonly type: "fitted"; readonly features: Features; readonly seconds: number } & Omit<
      HeadFit,
      "parameters" | "heldOut" | "heldOutLoss"
    >);

/** Images that were embedded. */
interface Embedding extends Pick<EmbeddedImages, "cached" | "engine" | "precision" | "seconds"> {
  readonly images: number;
}

/**
 * How good a head is on images that it has not seen: each is judged by a fit on the other folds. Two heads that were trained on the
 * same images with the same seed have the same folds, and can be compared image by image.
 */
export interface CrossValidation {
  readonly folds: number;
  /** Mean cross-entropy over the images in nats. */
  readonly loss: number;
  /** In percent. */
  readonly top1: number;
  readonly top5: number;
  /** Images that are the only one of their class: no fit knows the class without them, so that they are not judged. */
  readonly notJudged: number;
  /** In the order of the source. */
  readonly images: readonly JudgedImage[];
}

/** What a head that has not seen an image makes of it. */
export interface JudgedImage {
  readonly id: string;
  /** Index of the right class. */
  readonly target: number;
  /** Index of the class that it was taken for. */
  readonly predicted: number;
  /** Softmax probability of the predicted class, 0 to 1. */
  readonly probability: number;
  /** Cross-entropy in nats. */
  readonly loss: number;
}

export interface TrainHeadOptions extends EmbedderOptions {
  /** Names of the model's classes as the images spell them, in the order of the logits. */
  readonly classes: readonly string[];
  /**
   * Images of any content, whose labels are not looked at: how their embeddings vary makes a better classifier of few labels.
   * The classifier is fitted to half-whitened embeddings and to those as they are, and the better one in cross-validation is
   * taken. Fewer than 200 images are too few, and change nothing.
   */
  readonly unlabelled?: ImageSource | undefined;
  /** Most images of `unlabelled` that are looked at, drawn by `seed`. @default 5000 */
  readonly whiteningImages?: number | undefined;
  /** Strengths of the L2 penalty to choose from, strongest first. @default 1, 0.3, 0.1, …, 1e-6 */
  readonly strengths?: readonly number[] | undefined;
  /** Folds of the cross-validation; fewer when no class has so many images. @default 5 */
  readonly folds?: number | undefined;
  /** Gives each class the same weight, however many images it has. @default false */
  readonly classBalanced?: boolean | undefined;
  /** Share of every target that is spread over all classes. @default 0 */
  readonly smoothing?: number | undefined;
  /** Decides the folds, and which unlabelled images are looked at. @default 0 */
  readonly seed?: number | undefined;
}

/** The network with its new classifier. */
export interface TrainedHead extends ModelSource {
  /** Undefined when every class has a single image. */
  readonly crossValidation: CrossValidation | undefined;
  /** How sure the classifiers of the cross-validation were; its temperature is in the description. */
  readonly confidenceFit: ConfidenceFit;
}

/** Fewer embeddings say too little of how they vary. */
const leastUnlabelled = 200;

/**
 * Trains the classifier of a network whose other weights stay as they are: every image is embedded once, with its
 * mirror, as it is seen in evaluation, and the classifier is fitted by logistic regression on all images. The strength of its
 * penalty, and with unlabelled images the features that it sees, are chosen by cross-validation.
 *
 * @param source The network, with a classifier for these classes, whose weights are not looked at.
 * @returns The network with the new classifier, and how good it is in cross-validation.
 * @throws ModelError `model/class-names` when the classifier is for another number of classes; DataError
 *   `data/unlabelled`, `data/empty-classes`; what opening and running the model throws.
 */
export async function* trainHead(
  platform: ModelPlatform,
  source: ModelSource,
  images: ImageSource,
  options: TrainHeadOptions,
): AsyncGenerator<HeadEvent, TrainedHead, undefined> {
  const { classes } = options;
  const { embedded, folds, features, by, fit, seconds } = yield* bestFit(platform, source, images, options);
  const crossValidation = crossValidationOf(embedded, folds, fit.heldOut);
  if (crossValidation) yield { type: "cross-validated", ...crossValidation };
  const confidenceFit = confidenceOf(fit.heldOut, embedded, crossValidation);
  yield confidenceEvent(confidenceFit);
  const { l2, loss, top1, iterations } = fit;
  yield { type: "fitted", features, l2, loss, top1, iterations, seconds };
  const head = foldTransform(fit.parameters, classes.length, by);
  const trained = await withHead(platform, source, head);
  const description = { ...trained.description, confidence: confidenceFit.confidence };
  return { ...trained, description, crossValidation, confidenceFit };
}

/** A way to see embeddings. */
export interface View {
  readonly features: Features;
  readonly by: FeatureTransform;
}

export interface EmbeddedData {
  readonly embedded: EmbeddedImages;
  readonly labelled: Examples;
  /** The unlabelled images that were looked at, if there are any. */
  readonly unlabelled: EmbeddedImages | undefined;
  /** Ways to see them, of which the first is taken where nothing can be compared. */
  readonly views: readonly View[];
}

/** What {@link bestFit} found, and by which view. */
interface BestFit extends Omit<EmbeddedData, "views">, View {
  readonly folds: Int32Array;
  readonly fit: HeadFit;
  /** Time of all fits. */
  readonly seconds: number;
}

/** Fits the classifier to the images in each view of them, and takes the one that is best in cross-validation. */
export async function* bestFit(
  platform: ModelPlatform,
  source: ModelSource,
  images: ImageSource,
  options: TrainHeadOptions,
): AsyncGenerator<HeadEvent, BestFit, undefined> {
  const { classes, seed = 0, folds: wanted = 5 } = options;
  checkClassifier(source, classes);
  const { views, ...data } = yield* embedData(platform, source, images, options);
  const { labelled } = data;

  const began = performance.now();
  const folds = stratifiedFolds(labelled.labels, wanted, seed);
  let best: (View & { readonly fit: HeadFit }) | undefined;
  for (const view of views) {
    const examples = await asSeen(platform, labelled, view.by);
    const fit = yield* fitExamples(platform, view.features, examples, folds, options);
    if (!best || (fit.heldOutLoss ?? 0) < (best.fit.heldOutLoss ?? 0)) best = { ...view, fit };
  }
  return { ...data, ...best!, folds, seconds: (performance.now() - began) / 1000 };
}

/** The embeddings of the labelled images, and how the classifier may see them. */
export async function* embedData(
  platform: ModelPlatform,
  source: ModelSource,
  images: ImageSource,
  options: TrainHeadOptions,
): AsyncGenerator<HeadEvent, EmbeddedData, undefined> {
  const { classes } = options;
  await using embedder = await openEmbedder(platform, source, options);
  const leftOut: SkippedImage[] = [];
  const labelledImages: ImageSource = {
    classes: images.classes,
    size: images.size,
    [Symbol.asyncIterator]: () => usableImages(images, { labels: true }, (image) => void leftOut.push(image)),
  };
  const embedded = await embedder.embed(labelledImages, labelIn(classes));
  yield* skipped([...leftOut, ...embedded.unreadable]);
  yield { type: "embedded", ...embedding(embedded) };
  const labelled: Examples = { ...embedded, numClasses: classes.length };
  checkClasses(labelled, classes);
  const unlabelled = yield* embedUnlabelled(embedder, options);
  const whitened = unlabelled && (yield* whitenedView(platform, unlabelled));
  const asTheyAre: View = { features: "as they are", by: centring(labelled) };
  return { embedded, labelled, unlabelled, views: whitened ? [whitened, asTheyAre] : [asTheyAre] };
}

/** Unlabelled images that a classifier looks at unless it is told otherwise. */
export const whiteningImages = 5000;

async function* embedUnlabelled(
  embedder: Embedder,
  { unlabelled, whiteningImages: most = whiteningImages, seed = 0 }: TrainHeadOptions,
): AsyncGenerator<HeadEvent, EmbeddedImages | undefined, undefined> {
  if (!unlabelled) return undefined;
  const embedded = await embedder.embed(await sampleImages(unlabelled, most, seed));
  yield* skipped(embedded.unreadable);
  return embedded;
}

/** What the unlabelled images suggest; undefined where they say too little. */
async function* whitenedView(
  platform: ModelPlatform,
  embedded: EmbeddedImages,
): AsyncGenerator<HeadEvent, View | undefined, undefined> {
  const unused = (reason: string): HeadEvent => ({
    type: "unlabelled-unused",
    reason,
    ...embedding(embedded),
  });
  if (embedded.rows < leastUnlabelled) {
    yield unused(
      `${embedded.rows} unlabelled images are too few to say how embeddings vary: give ${leastUnlabelled} or more`,
    );
    return undefined;
  }
  const by = await halfWhitening(platform, embedded);
  if (!by) {
    yield unused("the unlabelled images all have the same embedding");
    return undefined;
  }
  yield { type: "unlabelled-embedded", ...embedding(embedded) };
  return { features: "half-whitened", by };
}

/** Fits a classifier to examples that are seen in one way. @param folds As {@link fitHead} takes them */
export async function* fitExamples(
  platform: ModelPlatform,
  features: Features,
  examples: Examples,
  folds: Int32Array,
  {
    strengths,
    classBalanced,
    weights,
    smoothing,
    signal,
  }: Pick<TrainHeadOptions, "strengths" | "classBalanced" | "smoothing" | "signal"> &
    Pick<FitHeadOptions, "weights">,
): AsyncGenerator<HeadEvent, HeadFit, undefined> {
  const heads = headsAtOnce(examples, numberOf(folds));
  const session = await openSession(platform, headGraph(examples, { heads, smoothing }));
  try {
    const objective = headObjective(session, examples, heads);
    const fitting = fitHead(objective, examples, { strengths, folds, classBalanced, weights, signal });
    let next = await fitting.next();
    for (; !next.done; next = await fitting.next()) yield { type: "tried", features, ...next.value };
    return next.value;
  } finally {
    await session.release();
  }
}

const numberOf = (folds: Int32Array): number => folds.reduce((most, fold) => Math.max(most, fold + 1), 0);

/** Names images that are left out, and why. */
export function* skipped(images: readonly SkippedImage[]): Generator<HeadEvent> {
  for (const image of images) yield { type: "skipped", ...image };
}

const embedding = ({ rows, cached, engine, precision, seconds }: EmbeddedImages): Embedding => ({
  images: rows,
  cached,
  engine,
  precision,
  seconds,
});

function crossValidationOf(
  { ids, labels, rows }: EmbeddedImages,
  folds: Int32Array,
  { rows: judged, loss, predicted, probability, rank }: RowPredictions,
): CrossValidation | undefined {
  if (judged.length === 0) return undefined;
  const percent = (places: number): number =>
    (100 * rank.filter((place) => place < places).length) / judged.length;
  return {
    folds: numberOf(folds),
    loss: loss.reduce((sum, one) => sum + one, 0) / judged.length,
    top1: percent(1),
    top5: percent(5),
    notJudged: rows - judged.length,
    images: Array.from(judged, (row, at) => ({
      id: ids[row]!,
      target: labels[row]!,
      predicted: predicted[at]!,
      probability: probability[at]!,
      loss: loss[at]!,
    })),
  };
}

/** What the images say that were judged by fits that had not seen them. */
function confidenceOf(
  { rows, logits }: RowPredictions,
  { labels }: EmbeddedImages,
  crossValidation: CrossValidation | undefined,
): ConfidenceFit {
  const sample = answerSample();
  const width = logits.length / rows.length;
  rows.forEach((row, at) => {
    sample.add({ logits: logits.subarray(at * width, (at + 1) * width), target: labels[row]! });
  });
  const { answers } = sample;
  return fitConfidence(
    answers,
    `${answers.length} images in ${crossValidation?.folds}-fold cross-validation`,
  );
}

/** The network with another classifier of as many classes as it is described with. */
export async function withHead(
  platform: ModelPlatform,
  source: ModelSource,
  { weight, bias }: LinearHead,
): Promise<ModelSource> {
  const { confidence: _, ...description } = source.description;
  const { numClasses } = description.config;
  const head = new Map([
    [family.classifier.weight, tensor("float32", [numClasses, weight.length / numClasses], weight)],
    [family.classifier.bias, tensor("float32", [numClasses], bias)],
  ]);
  return {
    description: { ...description, provenance: await startProvenance(platform, source) },
    withWeights: (use) => source.withWeights((weights) => use(new Map([...weights, ...head]))),
  };
}

function checkClassifier({ description: { name, config } }: ModelSource, classes: readonly string[]): void {
  if (config.numClasses === classes.length && classes.length > 1) return;
  throw new ModelError(
    "model/class-names",
    `${name} was opened for ${config.numClasses} classes, and ${classes.length} are to be trained; give both the same number, at least 2.`,
  );
}

function checkClasses({ labels }: Examples, classes: readonly string[]): void {
  const present = new Set(labels);
  const empty = classes.filter((_, index) => !present.has(index));
  if (empty.length > 0) throw emptyClasses(empty, classes.length, "that can be read");
}

/** The index of an image's class. */
function labelIn(classes: readonly string[]): (item: ImageItem) => number {
  const indices = new Map(classes.map((name, index) => [name, index]));
  return ({ id, label = "" }) => {
    const index = indices.get(label);
    if (index !== undefined) return index;
    throw new DataError(
      "data/unlabelled",
      `${id}: its class ${label} is none of the ${classes.length} that are trained.`,
    );
  };
}
