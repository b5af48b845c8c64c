import { DataError, ModelError, tensor } from "../../core/index.ts";
import { splitHoldout, type ImageSource } from "../../data/index.ts";
import type { DecodeOptions } from "../../image/index.ts";
import { family, hashedConfig } from "../../nn/index.ts";
import {
  compileModel,
  modelOf,
  type ExecutionOptions,
  type ModelPlatform,
  type ModelSource,
} from "../../predict/index.ts";
import type { Device, Session } from "../../runtime/index.ts";
import { hashWeights } from "../../weights/index.ts";
import { embedImages, type EmbeddingProgress, type UnreadableImage } from "./embed-images.ts";
import { openEmbeddingCache } from "./embedding-cache.ts";
import {
  defaultStrengths,
  featureStatistics,
  fitHead,
  foldStatistics,
  standardise,
  type HeadFit,
  type LinearHead,
  type StrengthTried,
} from "./fit-head.ts";
import { headGraph, headObjective, type Examples } from "./head-objective.ts";

/** What happens while a head is trained; plain data, in order. */
export type HeadEvent =
  | ({ readonly type: "skipped" } & UnreadableImage)
  | {
      readonly type: "embedded";
      readonly images: number;
      /** Those of them that were computed in an earlier run. */
      readonly cached: number;
      readonly seconds: number;
    }
  | ({ readonly type: "tried" } & StrengthTried)
  | ({ readonly type: "fitted"; readonly seconds: number } & Omit<HeadFit, "parameters">);

export interface TrainHeadOptions extends ExecutionOptions {
  /** Names of the model's classes as the images spell them, in the order of the logits. */
  readonly classes: readonly string[];
  /** Strengths of the L2 penalty to choose from, strongest first. @default 1, 0.3, 0.1, …, 0.0001 */
  readonly strengths?: readonly number[] | undefined;
  /** Share of each class that is held out to choose the strength; 0 takes the middle one. @default 0.2 */
  readonly holdOut?: number | undefined;
  /** Decides which images are held out. @default 0 */
  readonly seed?: number | undefined;
  /** Folder that keeps embeddings for the next run, or `false`. @default `embeddings` in the folder of the weights */
  readonly cache?: string | false | undefined;
  readonly onProgress?: ((progress: EmbeddingProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Trains the classifier of a network whose other weights stay as they are: every image is embedded once, as it is
 * seen in evaluation, and the classifier is fitted by logistic regression.
 *
 * @param source The network, with a classifier for these classes, whose weights are not looked at.
 * @returns The network with the new classifier.
 * @throws ModelError `model/class-names` when the classifier is for another number of classes; DataError
 *   `data/unlabelled`, `data/empty-classes`; what opening and running the model throws.
 */
export async function* trainHead(
  platform: ModelPlatform,
  source: ModelSource,
  images: ImageSource,
  options: TrainHeadOptions,
): AsyncGenerator<HeadEvent, ModelSource, undefined> {
  const { classes, strengths = defaultStrengths, holdOut = 0.2, seed = 0, signal } = options;
  checkClassifier(source, classes);
  const began = performance.now();
  const { examples, cached, unreadable } = await embedAll(platform, source, images, options);
  for (const image of unreadable) yield { type: "skipped", ...image };
  yield { type: "embedded", images: examples.rows, cached, seconds: since(began) };
  checkClasses(examples, classes);

  const embedded = performance.now();
  const statistics = featureStatistics(examples);
  const standard = standardise(examples, statistics);
  const session = await openHeadSession(platform, standard);
  try {
    const fitting = fitHead(headObjective(session, standard), standard, {
      strengths,
      holdout: holdOut === 0 ? undefined : splitHoldout(examples.labels, holdOut, seed),
      signal,
    });
    let next = await fitting.next();
    for (; !next.done; next = await fitting.next()) yield { type: "tried", ...next.value };
    const { parameters, ...fit } = next.value;
    yield { type: "fitted", ...fit, seconds: since(embedded) };
    return withHead(source, foldStatistics(parameters, classes.length, statistics));
  } finally {
    await session.release();
  }
}

async function embedAll(
  platform: ModelPlatform,
  source: ModelSource,
  images: ImageSource,
  { cache, classes, onProgress, signal, ...execution }: TrainHeadOptions,
): ReturnType<typeof embedImages> {
  const length = family.embeddingLength(source.description.config);
  const model = await modelOf(platform, source, execution);
  try {
    return await embedImages(platform, model, images, {
      classes,
      cache:
        cache === false
          ? undefined
          : await openEmbeddingCache(
              platform,
              await embeddingFolder(platform, source, execution, cache),
              length,
            ),
      onProgress,
      signal,
    });
  } finally {
    await model.release();
  }
}

/** Where the embeddings of a model are kept below the folder that was chosen, or that of the weights. */
async function embeddingFolder(
  platform: ModelPlatform,
  source: ModelSource,
  settings: EmbeddingSettings,
  chosen: string | undefined,
): Promise<string> {
  const cache = platform.cacheFolder();
  const folder = chosen ?? platform.storageFor(cache).join(cache, "embeddings");
  return platform.storageFor(folder).join(folder, await embeddingKey(platform, source, settings));
}

async function openHeadSession(platform: ModelPlatform, examples: Examples): Promise<Session> {
  const compiled = await compileModel(platform, headGraph(examples));
  try {
    return await platform.createSession(compiled.model);
  } finally {
    await compiled.remove();
  }
}

/** The network with another classifier of the same classes. */
function withHead(source: ModelSource, { weight, bias }: LinearHead): ModelSource {
  const { numClasses } = source.description.config;
  const head = new Map([
    [family.classifier.weight, tensor("float32", [numClasses, weight.length / numClasses], weight)],
    [family.classifier.bias, tensor("float32", [numClasses], bias)],
  ]);
  return {
    description: source.description,
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
  if (empty.length === 0) return;
  const shown = empty.slice(0, 20).join(", ") + (empty.length > 20 ? ", …" : "");
  throw new DataError(
    "data/empty-classes",
    `${empty.length} of the ${classes.length} classes have no image that can be read: ${shown}. Add images of them, or take these classes out.`,
  );
}

const since = (start: number): number => (performance.now() - start) / 1000;

/** What embeddings depend on besides the image. */
interface EmbeddingSettings {
  readonly decode?: DecodeOptions | undefined;
  readonly device?: Device | undefined;
}

/** Changes when embeddings are computed in another way. */
const version = 1;

/**
 * SHA-256 of everything but the image that an embedding depends on: the weights before the classifier, the shape of
 * the network, the transform of the images and the device.
 */
async function embeddingKey(
  { sha256 }: ModelPlatform,
  source: ModelSource,
  { decode = {}, device = "cpu" }: EmbeddingSettings,
): Promise<string> {
  const { config, preprocessing } = source.description;
  const hash = sha256();
  // The classifier is none of an embedding's business.
  const network = hashedConfig({ ...config, numClasses: 0 });
  const classifier = new Set(Object.values(family.classifier));
  hash.update(new TextEncoder().encode(JSON.stringify([version, network, preprocessing, decode, device])));
  await source.withWeights((weights) =>
    hashWeights(hash, new Map([...weights].filter(([name]) => !classifier.has(name)))),
  );
  return hash.hex();
}
