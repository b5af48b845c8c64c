import {
  elementCount,
  ModelError,
  SslResnextError,
  tensor,
  UsageError,
  type StateDict,
  type Tensor,
} from "../../core/index.ts";
import type { ImageItem } from "../../data/index.ts";
import { encodeModel, type Graph } from "../../graph/index.ts";
import { decodeOptionsOf, type DecodeChoice, type Preprocessing } from "../../image/index.ts";
import { family, forPrecision, inferenceGraph, parametersOf } from "../../nn/index.ts";
import {
  planExecution,
  type Device,
  type Engine,
  type ExecutionPlan,
  type FloatPrecision,
  type ImageFeeds,
  type ImagePipeline,
  type ImageResult,
  type ModelFile,
  type PlanOverrides,
  type Platform,
  type Precision,
  type Session,
  type SessionOptions,
  type StoredModel,
} from "../../runtime/index.ts";
import { mapWindow } from "../../runtime/map-window.ts";
import type { Thread } from "../../runtime/platform.ts";
import { shareCalls, type Share } from "../../runtime/thread-calls.ts";
import type { OpenedPipeline } from "../model.ts";
import type { ModelSource } from "../open-model.ts";
import { chooseEngine, engineSubject, floatsOf, type EngineChoice } from "./choose-engine.ts";
import type { ImageAnswer, ImageForm, ImageRequest, OpenPipelineRequest } from "./image-worker.ts";

/** Where a model runs, and how its images are read. */
export interface ExecutionOptions extends EngineChoice {
  /** Fixes workers, threads or batch; the rest is planned from cores, memory and the model's size. */
  readonly plan?: PlanOverrides | undefined;
  /** Which images are too large, and how JPEGs are decoded. */
  readonly decode?: DecodeChoice | undefined;
}

interface GraphSizes {
  readonly blockSize: number | undefined;
  readonly batchSize: number;
}

/** One use of a model's weights: the graph that is written of them, and for how many images. */
interface GraphJob {
  /** Writes the graph for the block size of the CPU's kernels, `undefined` where there are none, and a batch. */
  readonly graph: (weights: StateDict, sizes: GraphSizes) => Graph;
  /** @default "fp32" */
  readonly precision?: Precision | undefined;
  /** Bytes that a parameter takes in memory. @default 4 */
  readonly parameterBytes?: number | undefined;
  /** What its speed is measured on, and remembered under, where that is more than the network over images. */
  readonly timed?:
    | {
        readonly as: string;
        /** Further inputs, by name: shapes of what goes in with one image. */
        readonly feeds: Readonly<Record<string, readonly number[]>>;
      }
    | undefined;
  /** How many images will come; unknown when left out. */
  readonly images?: number | undefined;
  /** Whether results say what the image files are. @default false */
  readonly describe?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Compiles a graph of a model's weights and opens the sessions that run it over images.
 *
 * @throws ModelError `model/input-channels` for a model that sees neither colour nor grey images.
 */
export async function openGraphPipeline(
  platform: Platform,
  source: ModelSource,
  execution: ExecutionOptions,
  job: GraphJob,
): Promise<OpenedPipeline> {
  const { device = "cpu", decode } = execution;
  const { precision = "fp32", describe = false, signal } = job;
  const { config, preprocessing, name } = source.description;
  requireImageChannels(name, config.inChannels);
  const plan = planOf(platform, source, execution, job);
  const engine = await engineOf(platform, source, execution, job, plan);
  let compiled: StoredModel | undefined;
  try {
    const pipeline: ImagePipeline<ImageItem> = await createImagePipeline(platform, {
      model: async (blockSize) => {
        compiled = await compileFor(platform, source, job, { blockSize, batchSize: plan.batchSize });
        return compiled.model;
      },
      preprocessing,
      channels: config.inChannels,
      plan,
      engine,
      device,
      precision: floatsOf(precision),
      describe,
      ...(decode ? { decode } : {}),
      ...(signal ? { signal } : {}),
    });
    return { pipeline, plan, engine };
  } finally {
    await compiled?.remove();
  }
}

/**
 * The engine that embeds many images with a network: the one that is asked for, or the faster one. What is kept of embeddings is
 * kept under its name.
 *
 * @throws UsageError `usage/engine`; SessionError as the engines throw it
 */
export async function embeddingEngine(
  platform: Platform,
  source: ModelSource,
  execution: ExecutionOptions,
  precision: FloatPrecision = "fp32",
): Promise<Engine> {
  const { config, preprocessing } = source.description;
  const { inputSize } = preprocessing;
  const job: GraphJob = {
    graph: (weights, { blockSize }) =>
      inferenceGraph(config, weights, { outputs: ["embedding"], inputSize, blockSize }),
    precision,
  };
  return engineOf(platform, source, execution, job, planOf(platform, source, execution, job));
}

function planOf(
  platform: Pick<Platform, "machine">,
  { description: { config, preprocessing } }: ModelSource,
  { device = "cpu", plan = {} }: ExecutionOptions,
  { parameterBytes = 4, images }: GraphJob,
): ExecutionPlan {
  const parameters = parametersOf(config).reduce((sum, { dims }) => sum + elementCount(dims), 0);
  return planExecution(
    {
      ...platform.machine(),
      modelBytes: parameterBytes * parameters,
      inputSize: preprocessing.inputSize,
      device,
      ...(images === undefined ? {} : { images }),
    },
    plan,
  );
}

const compileFor = (
  platform: Platform,
  source: ModelSource,
  { graph, precision, signal }: GraphJob,
  sizes: GraphSizes,
): Promise<StoredModel> =>
  source.withWeights((weights) =>
    compileModel(platform, forPrecision(graph(weights, sizes), precision), signal),
  );

/** The engine that a job runs on. */
function engineOf(
  platform: Platform,
  source: ModelSource,
  execution: ExecutionOptions,
  job: GraphJob,
  { batchSize, threadsPerWorker: threads }: ExecutionPlan,
): Promise<Engine> {
  const { device = "cpu" } = execution;
  const { precision = "fp32", timed } = job;
  const { config, preprocessing } = source.description;
  const architecture = family.architecture(config);
  const network = timed ? `${architecture} ${timed.as}` : architecture;
  const side = preprocessing.inputSize;
  return chooseEngine(platform, execution, precision, {
    subject: engineSubject(network, preprocessing, precision, batchSize),
    batchSize,
    feeds: Object.fromEntries(
      Object.entries(timed?.feeds ?? {}).map(([input, dims]) => [input, zeros([batchSize, ...dims])]),
    ),
    dtype: "float32",
    dims: [batchSize, config.inChannels, side, side],
    async open(engine) {
      const blockSize = engine === "onnxruntime" ? await platform.blockSize?.("inference") : undefined;
      const compiled = await compileFor(platform, source, job, { blockSize, batchSize });
      return openStored(platform, compiled, {
        engine,
        device,
        precision: floatsOf(precision),
        threads,
        batchSize,
      });
    },
  });
}

const zeros = (dims: readonly number[]): Tensor =>
  tensor("float32", dims, new Float32Array(elementCount(dims)));

/** @throws ModelError `model/input-channels` for a model whose input is neither colours nor grey. */
function requireImageChannels(name: string, channels: number): void {
  if (channels === 3 || channels === 1) return;
  throw new ModelError(
    "model/input-channels",
    `${name} takes ${channels} channels; images have 3, or 1 in grey. Export it, and feed it with ONNX Runtime.`,
  );
}

/** What a session of a graph of our own needs of its platform. */
type GraphPlatform = Pick<Platform, "storeModel" | "externalData" | "createSession">;

/** Puts a graph where sessions can open it, each weight passing through memory once. */
export function compileModel(
  { storeModel, externalData }: Pick<Platform, "storeModel" | "externalData">,
  graph: Graph,
  signal?: AbortSignal,
): Promise<StoredModel> {
  return storeModel(encodeModel(graph, externalData === undefined ? {} : { externalData }), signal);
}

/** Opens a graph of our own on the CPU. */
export async function openSession(
  platform: GraphPlatform,
  graph: Graph,
  options: SessionOptions = {},
): Promise<Session> {
  return openStored(platform, await compileModel(platform, graph), options);
}

/** Opens a stored model, and takes it away. */
async function openStored(
  { createSession }: Pick<Platform, "createSession">,
  stored: StoredModel,
  options: SessionOptions,
): Promise<Session> {
  try {
    return await createSession(stored.model, options);
  } finally {
    await stored.remove();
  }
}

export interface ImagePipelineOptions {
  /**
   * A model whose first input is images in this form, or what compiles it once the block size of ONNX Runtime's kernels
   * is known (`undefined` on other devices and engines, and where there are no blocked kernels). Where N is a number,
   * it is the plan's batch size.
   */
  readonly model: ModelFile | ((blockSize: number | undefined) => Promise<ModelFile>);
  readonly preprocessing: Preprocessing;
  /** Of the model's input, 3 or 1. @default 3 */
  readonly channels?: number;
  /** @default "normalised" */
  readonly form?: ImageForm;
  readonly plan: ExecutionPlan;
  /** @default "onnxruntime" */
  readonly engine?: Engine;
  /** @default "cpu" */
  readonly device?: Device;
  /** @default "fp32" */
  readonly precision?: FloatPrecision;
  /** Outputs to compute. @default all of the model's */
  readonly outputs?: readonly string[];
  readonly decode?: DecodeChoice;
  /** Whether results say what the image files are. @default false */
  readonly describe?: boolean;
  readonly signal?: AbortSignal;
}

/** What a pipeline needs of its platform. */
type PipelinePlatform = Pick<Platform, "name" | "startThread" | "blockSize">;

/**
 * Opens the plan's workers, each with a session of its own; the promise settles when all sessions stand, and
 * the model's file may then be deleted.
 *
 * @throws SessionError `runtime/device-unavailable`, `runtime/model-rejected`, `runtime/out-of-memory`.
 */
export async function createImagePipeline(
  platform: PipelinePlatform,
  options: ImagePipelineOptions,
): Promise<ImagePipeline<ImageItem>> {
  const { plan, signal, decode } = options;
  if (decode?.mode === "fast" && platform.name === "browser") {
    throw new UsageError("usage/decode", "decode: mode fast is Node's; a page decodes whole images.");
  }
  if (decode?.mode === "fast" && options.describe) {
    throw new UsageError("usage/decode", "decode: mode fast does not tell what size images have.");
  }
  const threads = Array.from({ length: plan.workers }, () => platform.startThread("images", frugal));
  const release = async (): Promise<void> => {
    await Promise.all(threads.map((thread) => thread.end()));
  };
  try {
    const request = openRequest(options, await modelFile(platform, options, threads[0]!));
    await Promise.all(threads.map((thread) => thread.call("open", request, { signal })));
  } catch (error) {
    await release();
    throw error;
  }

  const share = shareCalls(threads, plan.batchSize * 2 + 1);
  return {
    run(items, { signal: runSignal, ordered = true, feeds = {} } = {}) {
      return mapWindow(items, (item, ending) => runOne(share, item, feeds, ending), {
        // One more share than the workers hold: results that wait for their turn stop nobody.
        width: (plan.workers + 1) * (plan.batchSize * 2 + 1),
        ordered,
        signal: runSignal,
      });
    },
    release,
  };
}

async function modelFile(
  { blockSize }: PipelinePlatform,
  { model, engine = "onnxruntime", device = "cpu" }: ImagePipelineOptions,
  thread: Thread,
): Promise<ModelFile> {
  if (typeof model !== "function") return model;
  const hasBlocks = engine === "onnxruntime" && device === "cpu";
  return model(hasBlocks ? await blockSize?.("inference", thread) : undefined);
}

function openRequest(options: ImagePipelineOptions, model: ModelFile): OpenPipelineRequest {
  return {
    model,
    engine: options.engine ?? "onnxruntime",
    device: options.device ?? "cpu",
    precision: options.precision ?? "fp32",
    threads: options.plan.threadsPerWorker,
    batchSize: options.plan.batchSize,
    preprocessing: options.preprocessing,
    form: options.form ?? "normalised",
    channels: options.channels ?? 3,
    outputs: options.outputs,
    decode: decodeOptionsOf(options.preprocessing, options.decode),
    describe: options.describe ?? false,
  };
}

async function runOne(
  share: Share,
  item: ImageItem,
  feeds: ImageFeeds,
  signal: AbortSignal,
): Promise<ImageResult<ImageItem>> {
  try {
    const request: ImageRequest = { content: item.content, feeds };
    const answer = await share((thread) => thread.call<ImageAnswer>("image", request, { signal }));
    return { item, ...answer };
  } catch (error) {
    if (signal.aborted || !(error instanceof SslResnextError) || endsRun.has(error.code)) throw error;
    return { item, error };
  }
}

/** Most garbage here is buffers of photographs; a small young generation frees them sooner: 25 % less memory. */
const frugal = { youngGeneration: 4 };

/** Failures of the pipeline rather than of one image. */
const endsRun: ReadonlySet<string> = new Set(["runtime/no-worker-left", "runtime/released"]);
