import { DataError, ModelError, UsageError } from "../core/index.ts";
import type { ImageItem, ModelClasses } from "../data/index.ts";
import {
  family,
  findCard,
  isGraphConfig,
  noClassifier,
  type ModelCard,
  type NetworkDescription,
  type Tap,
} from "../nn/index.ts";
import type { Engine, ExecutionPlan, ImageFeeds, ImagePipeline } from "../runtime/index.ts";
import { explainImages, type Explained, type ExplainOptions } from "./explain.ts";
import {
  answering,
  classNames,
  normalised,
  type AnswerOptions,
  type Classified,
  type Computation,
  type Embedded,
  type Featured,
  type Images,
  type Network,
  type Prediction,
  type RawOutputs,
  type Results,
  type RunOptions,
} from "./results.ts";
import type { ValidateOptions, ValidationReport } from "./validate.ts";

/**
 * One image: a path, a URL (`file:`, `https:`, `data:`), or the encoded bytes, in whatever holds them: a Uint8Array such as
 * Node's Buffer, an ArrayBuffer, a Blob or File, a stream.
 */
export type ImageInput = string | URL | Uint8Array | ArrayBuffer | Blob | ReadableStream<Uint8Array>;

/** How a platform names what it is given as one image, and where its bytes are. */
export type ItemOf<Input> = (image: Input) => SingleItem | Promise<SingleItem>;

type SingleItem = Pick<ImageItem, "id" | "content">;

/** The item of one image. */
export const imageItem: ItemOf<ImageInput> = async (image) => {
  const address = image instanceof URL ? image.href : image;
  if (typeof address === "string") {
    if (!/^data:/i.test(address)) return { id: address, content: { path: address } };
    return { id: "data: URL", content: { bytes: await dataOf(address) } };
  }
  if (address instanceof Blob) return { id: "image", content: { blob: address } };
  const bytes = await bytesOf(address);
  if (bytes) return { id: "image", content: { bytes } };
  throw new DataError(
    "data/image-input",
    `Expected an image as a path, a URL (file:, https:, data:), a Uint8Array, ArrayBuffer, Blob, File or ReadableStream of its bytes, and in a page as <img>, canvas, video, ImageBitmap or ImageData; this is ${image === null ? "null" : typeof image}.`,
  );
};

async function bytesOf(image: unknown): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (image instanceof Uint8Array) {
    return image.buffer instanceof ArrayBuffer ? (image as Uint8Array<ArrayBuffer>) : new Uint8Array(image);
  }
  if (image instanceof ArrayBuffer) return new Uint8Array(image);
  if (image instanceof ReadableStream) return new Uint8Array(await new Response(image).arrayBuffer());
  return undefined;
}

/** @throws DataError `data/image-input`, which does not repeat what may be megabytes. */
async function dataOf(url: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await (await fetch(url)).arrayBuffer());
  } catch (cause) {
    throw new DataError("data/image-input", "The data: URL of an image is not well formed.", { cause });
  }
}

export type ClassifyOptions = RunOptions & AnswerOptions;

export interface EmbedOptions extends RunOptions {
  /**
   * `averaged` gives the mean of the embeddings of an image and of its mirror, for twice the work: a classifier that is
   * fitted on few images does better on these.
   *
   * @default "ignored"
   */
  readonly mirror?: "ignored" | "averaged" | undefined;
  /** Of an ONNX file the output to take, by its name. @default the one that is called an embedding */
  readonly output?: string | undefined;
  /** `l2` scales each embedding to length 1, so that a dot product is the cosine. @default "none" */
  readonly normalize?: "none" | "l2" | undefined;
}

/** A pipeline that computes the outputs asked for, and how it is laid out. */
export interface OpenedPipeline {
  readonly pipeline: ImagePipeline<ImageItem>;
  readonly plan: ExecutionPlan;
  readonly engine: Engine;
}

/** Opens a pipeline: each platform has one of these. */
export type OpenPipeline = (
  computation: Computation,
  /** How many images will come; unknown when left out. */
  images: number | undefined,
  signal: AbortSignal | undefined,
) => Promise<OpenedPipeline>;

/**
 * A network with its weights, ready to look at images.
 *
 * Sessions are opened when they are first needed and kept until `release`.
 */
export class Model<Input = ImageInput> implements Network {
  readonly description: NetworkDescription;
  /** The published card, for models that have one. */
  readonly card: ModelCard | undefined;
  /** Class names in the order of the logits. */
  readonly classes: readonly string[];
  /** The same as data sets may spell them: ImageNet's with WordNet ids and all lemmas. */
  readonly modelClasses: ModelClasses;
  /** The last feature map: each stage of the network has one. */
  readonly lastLayer: Tap;
  /** Whether an ONNX file prepares its images itself, so that nothing about that can be changed. */
  readonly preparesInside: boolean;
  readonly #open: OpenPipeline;
  readonly #itemOf: ItemOf<Input>;
  readonly #opened = new Map<string, Promise<OpenedPipeline>>();
  #unturned = 0;

  /** @param classes What `classesOf` gives for the description. */
  constructor(
    description: NetworkDescription,
    classes: ModelClasses,
    itemOf: ItemOf<Input>,
    open: OpenPipeline,
    preparesInside = false,
  ) {
    this.description = description;
    this.preparesInside = preparesInside;
    this.card = findCard(description.name);
    this.classes = classNames(classes);
    this.modelClasses = classes;
    const { config } = description;
    this.lastLayer = isGraphConfig(config) ? family.taps.at(-1)! : family.stages(config).at(-1)!.name;
    this.#open = open;
    this.#itemOf = itemOf;
  }

  /** How many images so far have an EXIF orientation that says to turn them, and were seen as they are stored. */
  get unturned(): number {
    return this.#unturned;
  }

  /**
   * The best classes of one image, best first.
   *
   * @throws ImageError when the image cannot be decoded; ModelError when the model has no classifier; UsageError `usage/topk`, and
   *   `usage/unknown-below` for an option that only `classifyAll` can follow.
   * @example (await model.classify("dog.jpg"))[0].label
   */
  async classify(image: Input, options: ClassifyOptions = {}): Promise<readonly Prediction[]> {
    if (options.unknownBelow !== undefined) {
      throw new UsageError(
        "usage/unknown-below",
        "unknownBelow: classify gives the classes of an image, best first, and nothing beside them; compare the probability of the first one, or ask classifyAll.",
      );
    }
    const result = await only(this.classifyAll(this.#single(image), options));
    return result.predictions;
  }

  /** The pooled features of one image: 2048 for the card's models. */
  async embed(image: Input, options: EmbedOptions = {}): Promise<Float32Array<ArrayBuffer>> {
    const result = await only(this.embedAll(this.#single(image), options));
    return result.embedding;
  }

  /** Feature maps of one image. */
  async features(
    image: Input,
    taps: readonly Tap[],
    options: RunOptions = {},
  ): Promise<Featured["features"]> {
    const result = await only(this.featuresAll(this.#single(image), taps, options));
    return result.features;
  }

  /** Classifies any number of images in bounded memory; a failing image gives its error and the run goes on. */
  async *classifyAll(images: Images, options: ClassifyOptions = {}): Results<Classified> {
    this.#requireClassifier();
    const { answer } = answering(this, options);
    for await (const result of this.run(["logits"], images, options.signal)) {
      yield "error" in result ? result : { image: result.image, ...answer(result.outputs["logits"]!.data) };
    }
  }

  /** Embeds any number of images in bounded memory. */
  async *embedAll(
    images: Images,
    { mirror = "ignored", output: named, normalize = "none", signal }: EmbedOptions = {},
  ): Results<Embedded> {
    if (normalize !== "none" && normalize !== "l2") {
      throw new UsageError("usage/normalize", `normalize: expected none or l2, got ${String(normalize)}.`);
    }
    const usual = mirror === "averaged" ? "mirrored_embedding" : "embedding";
    const output = named === undefined ? usual : (`output:${named}` as const);
    for await (const result of this.run([output], images, signal)) {
      yield "error" in result
        ? result
        : { image: result.image, embedding: normalised(result.outputs[output]!.data, normalize) };
    }
  }

  /** Reads feature maps of any number of images in bounded memory. */
  async *featuresAll(images: Images, taps: readonly Tap[], { signal }: RunOptions = {}): Results<Featured> {
    for await (const result of this.run(taps, images, signal)) {
      yield "error" in result ? result : { image: result.image, features: result.outputs };
    }
  }

  /**
   * Accuracy over labelled images.
   *
   * @throws DataError when labels do not match the model's classes.
   */
  async validate(images: Images, options: ValidateOptions = {}): Promise<ValidationReport> {
    this.#requireClassifier();
    // A page that classifies does not load it.
    const { validate } = await import("./validate.ts");
    return validate(this, images, options);
  }

  /**
   * Where in an image a class is seen.
   *
   * @throws ImageError when the image cannot be decoded; ModelError for a class or layer that the model has not.
   * @example
   * const explained = await model.explain("dog.jpg");
   * await writeFile("dog-explained.png", await explanationPng(explained, model.description.preprocessing));
   */
  async explain(image: Input, options: ExplainOptions = {}): Promise<Explained> {
    return only(this.explainAll(this.#single(image), options));
  }

  /** Explains any number of images in bounded memory. */
  async *explainAll(images: Images, options: ExplainOptions = {}): Results<Explained> {
    this.#requireClassifier();
    yield* explainImages(this, images, options);
  }

  /**
   * Runs the network over images and gives the raw outputs asked for, without batch axis.
   *
   * @param feeds Further inputs, the same for every image.
   */
  async *run(
    computation: Computation,
    images: Images,
    signal?: AbortSignal,
    feeds: ImageFeeds = {},
  ): Results<{ readonly image: string; readonly item: ImageItem; readonly outputs: RawOutputs }> {
    const { pipeline } = await this.opened(computation, images.size, signal);
    for await (const result of pipeline.run(images, signal ? { signal, feeds } : { feeds })) {
      const image = result.item.id;
      if ("unturned" in result && result.unturned) this.#unturned++;
      yield "error" in result
        ? { image, error: result.error }
        : { image, item: result.item, outputs: result.outputs };
    }
  }

  /** Opens, or hands back, the sessions for this; `plan` says how the machine is used. */
  async opened(computation: Computation, images?: number, signal?: AbortSignal): Promise<OpenedPipeline> {
    if ("explains" in computation || computation.includes("logits")) this.#requireClassifier();
    const key = `${JSON.stringify(computation)} ${images === 1 ? "one" : "many"}`;
    const pending = this.#opened.get(key) ?? this.#open(computation, images, signal);
    this.#opened.set(key, pending);
    try {
      return await pending;
    } catch (error) {
      this.#opened.delete(key);
      throw error;
    }
  }

  /** Frees all sessions; runs under way reject. */
  async release(): Promise<void> {
    const opened = await Promise.allSettled(this.#opened.values());
    this.#opened.clear();
    const succeeded = opened.filter((result) => result.status === "fulfilled");
    await Promise.all(succeeded.map(({ value }) => value.pipeline.release()));
  }

  /** One image as a source. */
  #single(image: Input): Images {
    const itemOf = this.#itemOf;
    return {
      size: 1,
      async *[Symbol.asyncIterator]() {
        yield itemOf(image);
      },
    };
  }

  #requireClassifier(): void {
    if (this.description.config.numClasses > 0) return;
    throw noClassifier(this.description.name);
  }
}

/** The result of a run over one image. */
async function only<Success extends object>(results: Results<Success>): Promise<Success> {
  for await (const result of results) {
    if ("error" in result) throw result.error;
    return result;
  }
  throw new ModelError("model/no-result", "The run over one image ended without a result.");
}
