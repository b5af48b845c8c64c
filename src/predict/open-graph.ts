import { ModelError, UsageError } from "../core/index.ts";
import { baseName, readBytes, type Storage } from "../core/storage/index.ts";
import type { ImageItem } from "../data/index.ts";
import { readModelInterface } from "../graph/index.ts";
import { planExecution, type ImagePipeline, type ImageResult, type Precision } from "../runtime/index.ts";
import { noticeOfSums } from "./int8/exact-sums.ts";
import { describeGraph, type DescribedGraph } from "./describe-graph.ts";
import { Model, type OpenedPipeline } from "./model.ts";
import type { ModelOptions, ModelPlatform } from "./open-model.ts";
import { chooseEngine, engineSubject, floatsOf, type EngineChoice } from "./pipeline/choose-engine.ts";
import { createImagePipeline, type ExecutionOptions } from "./pipeline/image-pipeline.ts";
import { classesOf, type Computation } from "./results.ts";

/**
 * Opens an ONNX file, of this package or of any image classifier, to classify or embed with: its graph runs as it is, in the
 * precision it was exported in.
 *
 * @throws GraphError `graph/not-onnx`; ModelError as `describeGraph`, `model/unknown-output`; UsageError as `checkGraphPrecision`
 */
export async function openGraph<Input>(
  platform: ModelPlatform<Input>,
  path: string,
  options: ModelOptions & GraphExecution,
): Promise<Model<Input>> {
  const graph = await readGraph(platform, path, options);
  checkGraphPrecision(path, graph, options.precision);
  const { description } = graph;
  const { device = "cpu", engine = "onnxruntime" } = options;
  if (device === "cpu") {
    // Of those that may be chosen, ONNX Runtime is always there.
    const tried = engine === "auto" ? "onnxruntime" : engine;
    const notice = await noticeOfSums(platform, path, description, tried);
    if (notice) options.onNotice?.(notice);
  }
  const classes = await classesOf(description);
  return new Model(
    description,
    classes,
    platform.itemOf,
    (computation, images, signal) =>
      openGraphOutputs(platform, path, graph, options, namesOf(path, graph, computation), images, signal),
    graph.form !== "normalised",
  );
}

/** How a graph runs, which has its precision. */
export interface GraphExecution extends ExecutionOptions {
  /** What is asked for, as `checkGraphPrecision` takes it. @default what the file was exported in */
  readonly precision?: Precision | undefined;
}

/**
 * Refuses a precision that a file does not compute in. What it holds as float32 may be multiplied in bf16.
 *
 * @throws UsageError `usage/precision`
 */
export function checkGraphPrecision(
  path: string,
  { precision: held }: Pick<DescribedGraph, "precision">,
  asked: Precision | undefined,
): void {
  if (asked === undefined || asked === held || (asked === "bf16" && held === "fp32")) return;
  throw new UsageError(
    "usage/precision",
    `${path} computes in ${held}, as it was exported, and not in ${asked}: leave precision (--precision) out, or name the weights ` +
      "that it was made of.",
  );
}

/** Reads what an ONNX file says of itself, without opening a session. */
export async function readGraph(
  { storageFor }: Pick<ModelPlatform, "storageFor">,
  path: string,
  options: ModelOptions = {},
): Promise<DescribedGraph> {
  const exported = readModelInterface(await readBytes(storageFor(path), path), path);
  return describeGraph(storageFor, path, exported, options);
}

/** For each output that is asked for, by the name it has here, its name in the graph. */
function namesOf(
  path: string,
  { outputs, logits, embedding }: DescribedGraph,
  computation: Computation,
): ReadonlyMap<string, string> {
  if ("explains" in computation) {
    throw new ModelError(
      "model/fixed-graph",
      `${path} holds no gradients, which an explanation needs: open the weights that it was exported from.`,
    );
  }
  const known: Readonly<Record<string, string | undefined>> = {
    logits: logits?.name,
    embedding: embedding?.name,
  };
  // Classes are answered from the logits and nothing else.
  const remedy = (wanted: string): string =>
    wanted === "logits"
      ? "export it with logits among its outputs, or name the weights that it was made of"
      : "name one of these (output, --tap), or export it with all outputs that you need";
  return new Map(
    computation.map((wanted) => {
      const given = wanted.startsWith("output:") ? wanted.slice("output:".length) : wanted;
      const name = (wanted === given ? known[given] : undefined) ?? given;
      if (outputs.some((output) => output.name === name)) return [wanted, name];
      throw new ModelError(
        "model/unknown-output",
        `${path} gives ${outputs.map((output) => output.name).join(", ")}, not ${given}; ${remedy(wanted)}.`,
      );
    }),
  );
}

async function openGraphOutputs(
  platform: ModelPlatform,
  path: string,
  {
    description: { preprocessing, config },
    form,
    batch,
    logits,
    antialiases,
    precision: held,
  }: DescribedGraph,
  execution: GraphExecution,
  names: ReadonlyMap<string, string>,
  images: number | undefined,
  signal: AbortSignal | undefined,
): Promise<OpenedPipeline> {
  const { device = "cpu", plan: overrides = {}, decode } = execution;
  const precision = execution.precision ?? held;
  const floats = floatsOf(precision);
  if (batch !== undefined && overrides.batchSize !== undefined && overrides.batchSize !== batch) {
    throw new ModelError(
      "model/fixed-graph",
      `${path} takes ${batch} images at once, not ${overrides.batchSize}.`,
    );
  }
  const storage = platform.storageFor(path);
  const bytes = await weightBytes(storage, path);
  const plan = planExecution(
    {
      ...platform.machine(),
      // A session packs the weights anew, whatever the file holds.
      modelBytes: 2 * bytes,
      inputSize: preprocessing.inputSize,
      device,
      ...(images === undefined ? {} : { images }),
    },
    batch === undefined ? overrides : { ...overrides, batchSize: batch },
  );
  const model = storage.path(path) ?? (await readBytes(storage, path));
  const { batchSize, threadsPerWorker: threads } = plan;
  const side = preprocessing.inputSize;
  const timed = { device, precision: floats, threads, batchSize };
  checkGraphEngine(path, { antialiases }, execution.engine);
  const choice = antialiases ? { ...execution, engine: "onnxruntime" as const } : execution;
  const engine = await chooseEngine(platform, choice, precision, {
    subject: engineSubject(fileNetwork(path, bytes), preprocessing, precision, batchSize),
    batchSize,
    // Of a graph that prepares images itself, one image of about the size that it crops.
    ...(form === "normalised"
      ? { dtype: "float32", dims: [batchSize, config.inChannels, side, side] }
      : form === "planes"
        ? { dtype: "float32", dims: [1, 3, side, side] }
        : { dtype: "uint8", dims: [side, side, 3] }),
    open: (candidate) => platform.createSession(model, { ...timed, engine: candidate }),
  });
  const pipeline = await createImagePipeline(platform, {
    model,
    preprocessing,
    channels: config.inChannels,
    form,
    plan,
    engine,
    device,
    precision: floats,
    outputs: [...new Set(names.values())],
    ...(decode ? { decode } : {}),
    ...(signal ? { signal } : {}),
  });
  return { pipeline: renamed(pipeline, names, logits?.op === "Softmax"), plan, engine };
}

/**
 * Refuses a graph that an engine would compute otherwise than it says.
 *
 * @throws ModelError `model/engine`
 */
export function checkGraphEngine(
  path: string,
  { antialiases }: Pick<DescribedGraph, "antialiases">,
  engine: EngineChoice["engine"],
): void {
  if (engine === "openvino" && antialiases) throw noAntialiasing(path);
}

/** The error for a graph that OpenVINO would compute otherwise than it says. */
export const noAntialiasing = (path: string): ModelError =>
  new ModelError(
    "model/engine",
    `${path} resizes images with the antialiasing of ONNX's Resize, which OpenVINO passes over in silence: use engine onnxruntime.`,
  );

/** What the speed of a file's graph is remembered under: names alone are often the same. */
export const fileNetwork = (path: string, bytes: number): string => `${baseName(path)} of ${bytes} bytes`;

/** Bytes of the model, and of the data beside it if its weights lie there. */
export async function weightBytes(storage: Storage, path: string): Promise<number> {
  const files = await Promise.allSettled([path, `${path}.data`].map((file) => storage.stat(file)));
  return files.reduce((sum, file) => sum + (file.status === "fulfilled" ? (file.value?.size ?? 0) : 0), 0);
}

type Pipeline = ImagePipeline<ImageItem>;

/** Gives the outputs by the names they have here; of a graph that ends in Softmax, logits whose softmax is what it gives. */
function renamed(
  pipeline: Pipeline,
  names: ReadonlyMap<string, string>,
  givesProbabilities: boolean,
): Pipeline {
  const changed = (result: ImageResult<ImageItem>): ImageResult<ImageItem> => {
    if ("error" in result) return result;
    const outputs = [...names].map(([wanted, name]) => {
      const output = result.outputs[name]!;
      if (wanted !== "logits" || !givesProbabilities) return [wanted, output] as const;
      return [
        wanted,
        { ...output, data: output.data.map((share) => Math.log(Math.max(share, smallest))) },
      ] as const;
    });
    return { ...result, outputs: Object.fromEntries(outputs) };
  };
  return {
    run(items, options) {
      const results = pipeline.run(items, options);
      return (async function* () {
        for await (const result of results) yield changed(result);
      })();
    },
    release: () => pipeline.release(),
  };
}

/** The least positive float32: the logarithm of 0 would be no number that can be written. */
const smallest = 2 ** -126;
