import { UsageError, version } from "../../core/index.ts";
import { imagenetClasses } from "../../data/index.ts";
import {
  family,
  hasWeights,
  randomStateDict,
  type Confidence,
  type ModelConfig,
  type ModelDescription,
} from "../../nn/index.ts";
import {
  isWeightsPath,
  openModel,
  type ModelOptions,
  type ModelSource,
  type WeightsNotice,
  startProvenance,
} from "../../predict/index.ts";
import type { TrainingPlatform } from "../platform.ts";
import { effectiveRecipe } from "../recipe/effects.ts";
import type { OpenedRun, StartingModelOptions } from "./options.ts";

/** A network that is to be trained, before it is known for which classes. */
interface StartingNetwork {
  readonly description: ModelDescription;
  /** The labels of the data in the order of the classifier that stays; undefined when it is replaced. */
  readonly kept: readonly string[] | undefined;
  /** The network for these classes; without a classifier if there are none. */
  withClasses(classes: readonly string[]): Promise<ModelSource>;
}

/** Opens the network that the options of a run name. */
export async function openNetwork({ platform, options, recipe, data }: OpenedRun): Promise<StartingNetwork> {
  const { seed, inputSize, exif, mode } = recipe;
  const changes = {
    seed,
    preprocessing: { exifOrientation: exif, ...(inputSize === null ? {} : { inputSize }) },
  };
  const about = (what: WeightsNotice["about"]): StartingModelOptions => ({
    ...options,
    onNotice: (notice) => {
      if (notice.about === what) options.onNotice?.(notice);
    },
  });
  const source = await startingModel(platform, about("averages"), changes);
  const kept = mode === "adapt" ? undefined : await keptClasses(source.description, data.training.classes);
  return {
    description: source.description,
    kept,
    async withClasses(classes) {
      if (kept) return source;
      const other = await startingModel(platform, about("classes"), {
        ...changes,
        numClasses: classes.length,
        classes,
      });
      return classes.length === 0 ? other : withNewClassifier(other, seed);
    },
  };
}

/** The network of a run that goes on, which needs none of the weights that it began with. */
export async function savedNetwork({ platform, folder, data }: OpenedRun): Promise<StartingNetwork> {
  const source = await openModel(platform, folder.last);
  return {
    description: source.description,
    kept: await keptClasses(source.description, data.training.classes),
    withClasses: () => Promise.resolve(source),
  };
}

/** The shape of the network that the options of a resumed run name, if they do; nothing is downloaded for it. */
export async function namedConfig({ platform, options }: OpenedRun): Promise<ModelConfig | undefined> {
  if (options.model === undefined && options.weights === undefined) return undefined;
  const { description } = await startingModel(
    platform,
    { ...options, scratch: options.weights === undefined, onNotice: undefined },
    {},
  );
  return description.config;
}

/**
 * The labels of a data set in the order of a model's logits when both have the same classes, so that the classifier
 * goes on as it is; undefined when it is to be replaced.
 */
async function keptClasses(
  { classes }: Pick<ModelDescription, "classes">,
  labels: readonly string[] | undefined,
): Promise<readonly string[] | undefined> {
  const own = classes === "imagenet-1k" ? (await imagenetClasses()).map(({ wnid }) => wnid) : classes;
  const wanted = new Set(labels);
  const same = own.length > 0 && own.length === wanted.size && own.every((name) => wanted.has(name));
  return same ? own : undefined;
}

/**
 * The network that is trained, as it starts.
 *
 * @param more What the recipe and the data say of it.
 * @throws UsageError `train/model` when nothing says what to train, or both weights and random ones are asked for.
 */
export async function startingModel(
  platform: TrainingPlatform,
  { model, weights, key, ema, scratch = false, hub, onNotice, signal }: StartingModelOptions,
  more: Pick<ModelOptions, "seed" | "numClasses" | "classes" | "preprocessing">,
): Promise<ModelSource> {
  if (scratch && weights !== undefined) {
    throw new UsageError(
      "train/model",
      `Start from ${weights} or from random weights (scratch): not from both.`,
    );
  }
  const named = model ?? (weights === undefined ? undefined : platform.storageFor(weights).resolve(weights));
  if (named === undefined) {
    throw new UsageError(
      "train/model",
      "Say what to train: a model's name (--model), or a file (--weights).",
    );
  }
  if (scratch && isWeightsPath(named))
    return withRandomWeights(await openModel(platform, named, { ...more, key, ema }), more.seed);
  const pretrained = !scratch && weights === undefined && hasWeights(named);
  return openModel(platform, named, {
    ...more,
    pretrained,
    ...(model === undefined ? {} : { weights }),
    key,
    ema,
    hub,
    onNotice,
    signal,
  });
}

function withRandomWeights({ description }: ModelSource, seed = 0): ModelSource {
  const provenance = { weights: `random, seed ${seed}` };
  return {
    description: { ...description, confidence: undefined, provenance },
    withWeights: (use) => use(randomStateDict(description.config, seed)),
  };
}

/** The same network with a classifier of random weights. */
function withNewClassifier(source: ModelSource, seed: number): ModelSource {
  const fresh = randomStateDict(source.description.config, seed);
  return {
    ...source,
    description: { ...source.description, confidence: undefined },
    withWeights: (use) =>
      source.withWeights((weights) => {
        const pick = (name: string) => [name, fresh.get(name)!] as const;
        return use(new Map([...weights, ...Object.values(family.classifier).map(pick)]));
      }),
  };
}

function describeImages(images: number | undefined, classes: number): string {
  if (classes === 0) return `${images} images without labels`;
  return `${images === undefined ? "" : `${images} images of `}${classes} classes`;
}

const confidenceOfStart = ({ temperature, unknownBelow, fittedTo }: Confidence): Confidence => ({
  temperature: Math.max(1, temperature),
  unknownBelow,
  fittedTo: `${fittedTo}, of the classifier that the network was trained from`,
});

/** The description of what comes out: named for the run's folder, with all that it was made from. */
export async function trainedDescription(
  source: Pick<ModelSource, "description" | "file">,
  { platform, options, folder, recipe, data }: OpenedRun,
  classes: number,
  images: number | undefined,
): Promise<ModelDescription> {
  const { confidence } = source.description;
  const isKept = options.keepConfidence && !data.validation;
  return {
    ...source.description,
    name: folder.name,
    // How sure a network was says nothing of what comes out, unless that is asked for.
    confidence: isKept && confidence ? confidenceOfStart(confidence) : undefined,
    provenance: {
      ...(await startProvenance(platform, source, options.signal)),
      data: `${data.name}, ${describeImages(images, classes)}${data.pseudoLabelled ? `; half of each batch: ${data.pseudoLabelled.name}` : ""}`,
      recipe: JSON.stringify(effectiveRecipe(recipe)),
      software: `ssl-resnext ${version}`,
    },
  };
}
