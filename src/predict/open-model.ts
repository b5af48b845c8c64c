import { ModelError, type StateDict } from "../core/index.ts";
import { changePreprocessing, type Preprocessing } from "../image/index.ts";
import {
  adaptWeights,
  expectedShapes,
  family,
  findCard,
  hasWeights,
  modelConfig,
  networkWeights,
  provenanceOfStart,
  randomStateDict,
  timmName,
  weightsEnding,
  withoutAccuracy,
  type ModelConfig,
  type ModelDescription,
  type NetworkDescription,
} from "../nn/index.ts";
import type { Platform } from "../runtime/index.ts";
import type { DownloadOptions } from "../weights/hub/index.ts";
import { averagedKeys, fitStateDict, openWeights, weightsFile, type Checkpoint } from "../weights/index.ts";
import { describeWeights, nameOf, withClasses } from "./describe-weights.ts";
import type { ItemOf } from "./model.ts";

/** Which model, and what to change about it. */
export interface ModelOptions {
  /**
   * Whether a model by name takes the weights that the package or the cache holds, or downloads the published ones; without, it
   * is random.
   *
   * @default true
   */
  readonly pretrained?: boolean | undefined;
  /** A `.pth` or `.safetensors` file, the folder of a run, or `"random"`. @default the published weights, or those of the file that is opened */
  readonly weights?: string | undefined;
  /**
   * Which weights of a file that holds several: the name of a dict in a `.pth`, such as `student`, or the prefix of their
   * names.
   *
   * @default the usual one that there is
   */
  readonly key?: string | undefined;
  /** Takes the averaged weights of a training checkpoint, such as `state_dict_ema`. @default false */
  readonly ema?: boolean | undefined;
  /** Seed of random weights, and of a new classifier. @default 0 */
  readonly seed?: number | undefined;
  /** Another number of classes drops the classifier; 0 gives embeddings only. */
  readonly numClasses?: number | undefined;
  /** Other than 3, the stem's filters are adapted as timm does. */
  readonly inChannels?: number | undefined;
  readonly outputStride?: ModelConfig["outputStride"] | undefined;
  /** Class names in the order of the logits. */
  readonly classes?: readonly string[] | undefined;
  readonly preprocessing?: Partial<Preprocessing> | undefined;
  /** Where and how published weights are downloaded. */
  readonly hub?: Partial<DownloadOptions> | undefined;
  /** Is told what is worth knowing of the weights that are opened. */
  readonly onNotice?: ((notice: WeightsNotice) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Something about a file: that it has averages too, no names of its classes, or 8 bits that are not exact here. */
export interface WeightsNotice {
  readonly about: "averages" | "classes" | "int8";
  /** One sentence. */
  readonly message: string;
}

/** A model that is described, and whose weights can be read as often as they are needed. */
export interface ModelSource {
  readonly description: ModelDescription;
  /** The file that the weights are read from; undefined for those that are in none. */
  readonly file?: string | undefined;
  /** Hands the state dict, fitted and in float32, to `use`; its tensors are read from the file meanwhile. */
  withWeights<T>(use: (weights: StateDict) => Promise<T>): Promise<T>;
}

/** Whether a path is that of an exported graph. */
export const isOnnxPath = (path: string): boolean => /\.onnx$/i.test(path);

/** Whether this is the path of a weights file: names of models have no slashes and other endings. */
export const isWeightsPath = (model: string): boolean =>
  timmName(model) === undefined && (/[/\\]/.test(model) || weightsEnding.test(model));

/**
 * Finds a model by name or by file.
 *
 * @param model A card's name, timm's tag, `timm/NAME` of the hub, an architecture, or the path of a weights file.
 * @throws ModelError for an unknown name, or one that has no published weights when none are given; DataError for a file that cannot be opened; WeightsError when it holds no
 *   weights, or weights that do not fit.
 */
export async function openModel(
  platform: ModelPlatform,
  model: string,
  options: ModelOptions = {},
): Promise<ModelSource> {
  const { weights } = options;
  if (isWeightsPath(model) || (weights !== undefined && weights !== "random")) {
    return weights === undefined
      ? fromFile(platform, model, undefined, options)
      : fromFile(platform, weights, model, options);
  }
  const isRandom = weights === "random" || options.pretrained === false;
  const config = modelConfig(model);
  if (!isRandom) {
    if (!hasWeights(model)) {
      throw new ModelError(
        "model/no-weights",
        `${model} has no published weights: give a file (weights), or ask for random ones (weights: "random").`,
      );
    }
    const path =
      platform.embeddedWeights(model) ??
      (await platform.pretrainedWeights(findCard(model)?.name ?? hubNameOf(model), {
        signal: options.signal,
        ...options.hub,
      }));
    return fromFile(platform, path, model, options);
  }
  if (options.key !== undefined || options.ema) {
    throw new ModelError(
      "model/no-weights",
      `${model}: ${options.ema ? "averaged weights" : `weights of the name ${options.key}`} are asked for, and no file of weights is given.`,
    );
  }
  const described = describeRandom(model, config, options.seed ?? 0);
  return withOverrides(described, options, (use) => use(undefined));
}

/** @throws ModelError `model/no-weights` for an exported graph: its weights are folded, and not to be had again. */
function refuseGraph(path: string): void {
  if (!isOnnxPath(path)) return;
  throw new ModelError(
    "model/no-weights",
    `${path} is an exported graph, which classifies and embeds only; name the weights it was made of.`,
  );
}

async function fromFile(
  { storageFor }: ModelPlatform,
  given: string,
  name: string | undefined,
  options: ModelOptions,
): Promise<ModelSource> {
  const path = await weightsFile(storageFor, given);
  refuseGraph(path);
  const open: WithCheckpoint = async (use) => {
    await using weights = await openWeights(storageFor, path, { ema: options.ema, key: options.key });
    const { checkpoint } = weights;
    // Awaited here: the file has to stay open meanwhile.
    return await use({ ...checkpoint, tensors: networkWeights(checkpoint, path, options.key).tensors });
  };
  const described = await open(async (checkpoint) => {
    const description = await describeWeights(storageFor, path, checkpoint, checkpoint.tensors, name);
    for (const notice of noticesOf(path, checkpoint, description, options)) options.onNotice?.(notice);
    return description;
  });
  const source = withOverrides(described, options, (use) => open(({ tensors }) => use(tensors)), path);
  return { ...source, file: path };
}

/**
 * What is said of the network that a training starts from, with the SHA-256 of the file of its weights.
 *
 * @throws DataError when the file cannot be read.
 */
export async function startProvenance(
  { storageFor, sha256 }: Pick<ModelPlatform, "storageFor" | "sha256">,
  { description, file }: Pick<ModelSource, "description" | "file">,
  signal?: AbortSignal,
): Promise<ModelDescription["provenance"]> {
  if (file === undefined) return provenanceOfStart(description, undefined);
  const hash = sha256();
  for await (const bytes of storageFor(file).stream(file, { signal })) hash.update(bytes);
  return provenanceOfStart(description, await hash.hex());
}

/** A model's name as its repository on the hub has it. */
const hubNameOf = (model: string): string => {
  const name = timmName(model);
  return name === undefined ? model : `timm/${name}`;
};

/** What is worth knowing of a file that was opened. */
function* noticesOf(
  path: string,
  { otherKeys = [], metadata }: Checkpoint,
  { name, classes: names, config, provenance }: NetworkDescription,
  { ema, key, classes, numClasses }: ModelOptions,
): Generator<WeightsNotice> {
  const averages = otherKeys.find((other) => averagedKeys.includes(other));
  if (averages !== undefined && !ema && key === undefined) {
    yield {
      about: "averages",
      message: `${path} has averaged weights too (${averages}): --ema (ema) takes them.`,
    };
  }
  const { numClasses: count } = config;
  const isSaid = [metadata["ssl-resnext"], provenance["described by"], provenance["licence"], findCard(name)];
  const isGuess = names.length === 0 || (names === "imagenet-1k" && isSaid.every((one) => one === undefined));
  if (count === 0 || !isGuess || classes !== undefined || (numClasses ?? count) !== count) return;
  const guess =
    names.length === 0
      ? `its ${count} classes are called class 0 to class ${count - 1}`
      : "its 1,000 classes are taken for ImageNet's in their usual order, which is a guess";
  yield {
    about: "classes",
    message: `${path} has no names of classes: ${guess}; --labels (classes) names them in the order of its outputs.`,
  };
}

type WithCheckpoint = <T>(use: (checkpoint: Checkpoint) => Promise<T>) => Promise<T>;
/** Without tensors, weights are random. */
type WithTensors = <T>(use: (tensors: StateDict | undefined) => Promise<T>) => Promise<T>;

/** The description of random weights. */
function describeRandom(name: string, config: ModelConfig, seed: number): ModelDescription {
  const classes = config.numClasses === 1000 ? "imagenet-1k" : [];
  const provenance = { weights: `random, seed ${seed}` };
  return { name: nameOf(name), config, classes, preprocessing: family.preprocessing(config), provenance };
}

function withOverrides(
  described: ModelDescription,
  options: ModelOptions,
  withTensors: WithTensors,
  path = described.name,
): ModelSource {
  const description = override(described, options);
  const { config } = description;
  const expected = expectedShapes(config);
  return {
    description,
    withWeights: (use) =>
      withTensors((tensors) => {
        const fresh = randomStateDict(config, options.seed ?? 0);
        if (tensors === undefined) return use(fresh);
        const found = new Map(adaptWeights(config, tensors));
        if (config.numClasses !== described.config.numClasses) {
          for (const name of Object.values(family.classifier)) {
            const tensor = fresh.get(name);
            if (tensor) found.set(name, tensor);
          }
        }
        return use(fitStateDict(expected, found, { name: path }));
      }),
  };
}

function override(described: ModelDescription, options: ModelOptions): ModelDescription {
  const { numClasses, inChannels, outputStride, preprocessing = {} } = options;
  const config = family.complete({
    ...described.config,
    ...(numClasses === undefined ? {} : { numClasses }),
    ...(inChannels === undefined ? {} : { inChannels }),
    ...(outputStride === undefined ? {} : { outputStride }),
  });
  const sameClasses = config.numClasses === described.config.numClasses;
  const isSame = sameClasses && config.inChannels === described.config.inChannels;
  const provenance = isSame ? described.provenance : withoutAccuracy(described.provenance);
  const { classIds: _, confidence: __, ...others } = described;
  const kept = sameClasses
    ? { ...described, config, provenance, ...(isSame ? {} : { confidence: undefined }) }
    : { ...others, config, provenance, classes: [] };
  const changed = options.classes === undefined ? kept : withClasses(kept, options.classes);
  return { ...changed, preprocessing: changePreprocessing(described.preprocessing, preprocessing) };
}

/** What models need of their platform. @typeParam Input What may be given as one image; `never` where that does not matter */
export interface ModelPlatform<Input = never> extends Platform {
  readonly itemOf: ItemOf<Input>;
  /** Makes sure that a model's published weights are at hand. @returns their URI @throws as `downloadWeights` does */
  readonly pretrainedWeights: (model: string, options: Partial<DownloadOptions>) => Promise<string>;
}
